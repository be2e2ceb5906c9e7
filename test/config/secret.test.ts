import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { ConfigError } from '../../config/env.ts';
import { keepSecret } from '../../config/secret.ts';

const newDir = () => mkdtempSync(join(tmpdir(), 'earshot-secret-'));

test('processes that start at once end with the same secret, and leave no drafts', async () => {
  const dataDir = join(newDir(), 'data');
  const module = new URL('../../config/secret.ts', import.meta.url).href;
  const program = `import { keepSecret } from '${module}'; console.log(keepSecret({ secrets: [], dataDir: ${JSON.stringify(dataDir)} })[0]);`;
  const run = promisify(execFile);
  const outputs = await Promise.all(
    Array.from({ length: 6 }, () => run(process.execPath, ['--input-type=module', '-e', program])),
  );
  expect(new Set(outputs.map(({ stdout }) => stdout.trim())).size).toBe(1);
  expect(readdirSync(dataDir)).toEqual(['secret']);
  expect(keepSecret({ secrets: [], dataDir })[0]).toBe(outputs[0]!.stdout.trim());
});

test('nobody else on the machine can read the kept secret', () => {
  const dataDir = newDir();
  keepSecret({ secrets: [], dataDir });
  expect(statSync(join(dataDir, 'secret')).mode & 0o777).toBe(0o600);
});

test('a given secret leaves no file behind', () => {
  const dataDir = newDir();
  expect(keepSecret({ secrets: ['given'], dataDir })).toEqual(['given']);
  expect(readdirSync(dataDir)).toEqual([]);
});

test('an emptied secret file stops the start instead of sealing with nothing', () => {
  const dataDir = newDir();
  writeFileSync(join(dataDir, 'secret'), '\n');
  expect(() => keepSecret({ secrets: [], dataDir })).toThrow(ConfigError);
});
