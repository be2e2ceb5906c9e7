/** docs/inboxes.md tells of every field that an inbox's config may have, and of no other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { loadChannels } from '../../channels/index.ts';
import { ROOT } from '../support/read-sources.ts';

interface Schema {
  properties?: Record<string, Schema>;
}

/** Parts that several objects share have a table of their own. */
const SHARED = ['oauth', 'tls'];

const page = readFileSync(join(ROOT, 'docs/inboxes.md'), 'utf8');
const sectionOf = (kind: string) => page.split(/^## /m).find((section) => section.startsWith(`${kind}\n`));

function fieldsOf(schema: Schema, prefix = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const path = `${prefix}${name}`;
    const below = fieldsOf(inner, SHARED.includes(name) ? `${name}.` : `${path}.`);
    return below.length > 0 && !SHARED.includes(name) ? below : [path, ...below];
  });
}

test('every field of every kind has its row, and no row is about a field that is not there', async () => {
  for (const { kind, configSchema, secrets } of await loadChannels()) {
    const fields = fieldsOf(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Schema);
    const cells = [...(sectionOf(kind) ?? '').matchAll(/^\| ([^|]*`[^|]*) \|/gm)].map(([, cell]) => cell!);
    const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, field]) => field!));
    expect({ kind, fields: [...new Set(named)].sort() }).toEqual({
      kind,
      fields: [...new Set(fields)].sort(),
    });
    const sealed = cells.flatMap((cell) =>
      [...cell.matchAll(/`([^`]+)`(?:\*\*)? 🔒/g)].map(([, field]) => field!),
    );
    const secret = secrets.map((path) => path.split('.').slice(-2).join('.'));
    expect(sealed.sort()).toEqual([...new Set(secret)].sort());
  }
});
