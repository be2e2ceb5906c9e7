/** docs/dependencies.md answers for every package that package.json asks for, and for no other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT } from '../support/read-sources.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json'));
const wanted: Record<string, string> = { ...manifest.dependencies, ...manifest.devDependencies };

/** The tables that have a column for the version: package, version, licence. */
const rows = [
  ...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \| (\d+\.\d+\.\d+[^ |]*) \| ([^|]+?) \|/gm),
].map(([, name, version, licence]) => ({ name: name!, version: version!, licence: licence! }));

test('every package is explained, and none that is not there', () => {
  expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(wanted).sort());
});

test('with the version and the licence that it really has', () => {
  const wrong = rows.filter(({ name, version, licence }) => {
    const said: string = JSON.parse(read(`node_modules/${name}/package.json`)).license;
    return wanted[name] !== version || said.replace(/^\((.*)\)$/, '$1') !== licence;
  });
  expect(wrong).toEqual([]);
});
