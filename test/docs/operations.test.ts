/** docs/operations.md tells operators of every variable and every metric there is, in the words of the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { mayBeFile } from '../../config/env.ts';
import { PROVIDER_VARIABLES, VARIABLES, type Variable } from '../../config/variables.ts';
import { createMetrics } from '../../src/lib/metrics.ts';
import { ROOT } from '../support/read-sources.ts';

const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
const variables: readonly Variable[] = [...Object.values(VARIABLES), ...PROVIDER_VARIABLES];

const rowOf = (variable: Variable) => {
  const file = mayBeFile(variable) ? ' (`_FILE`)' : '';
  return `| \`${variable.name}\`${file} | ${variable.about} | ${variable.otherwise ?? '-'} |`;
};

test('every variable of the environment has its row, word for word', () => {
  const missing = variables.map(rowOf).filter((row) => !page.includes(row));
  expect(missing).toEqual([]);
});

test('no variable is described that nobody reads', () => {
  const described = [...page.matchAll(/^\| `([A-Z][A-Z_]+)`/gm)].map(([, name]) => name);
  expect(described).toEqual(variables.map(({ name }) => name));
});

test('every metric of ours is described, and none that does not exist', async () => {
  const { registry } = createMetrics({ processMetrics: false });
  const names = (await registry.getMetricsAsJSON()).map(({ name }) => name);
  const described = new Set([...page.matchAll(/^\| `(earshot_[a-z_]+)/gm)].map(([, name]) => name!));
  expect([...described].sort()).toEqual(names.sort());
});
