/** Writes docs/inbound-event.schema.json from the zod contract. `--check`: fails when the file is out of date. */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { inboundEventSchema } from '../src/contract/index.ts';

const FILE = new URL('../docs/inbound-event.schema.json', import.meta.url);

const schema = z.toJSONSchema(inboundEventSchema, {
  io: 'input',
  unrepresentable: 'any',
  override({ zodSchema, jsonSchema }) {
    if (zodSchema._zod.def.type === 'date')
      Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
  },
});
const text = `${JSON.stringify({ title: 'InboundEvent', ...schema }, null, 2)}\n`;

if (process.argv.includes('--check')) {
  if ((await readFile(FILE, 'utf8').catch(() => '')) !== text) {
    console.error('docs/inbound-event.schema.json is out of date: run node script/write-schema.ts');
    process.exitCode = 1;
  }
} else await writeFile(FILE, text);
