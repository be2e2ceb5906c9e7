/** Fails when a package that runs in production has a licence that does not fit with MIT. Prints the offenders. */
import { existsSync, readFileSync } from 'node:fs';

const ALLOWED = new Set(
  'MIT MIT-0 ISC 0BSD BSD-2-Clause BSD-3-Clause Apache-2.0 BlueOak-1.0.0 CC0-1.0 Unlicense Python-2.0'.split(
    ' ',
  ),
);

interface LockedPackage {
  dev?: boolean;
  license?: string;
}

const root = new URL('..', import.meta.url);
const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')) as {
  packages: Record<string, LockedPackage>;
};

/** The licence as the lock file says it, else as the package itself does (older ones write an object or a list). */
function licenceOf(path: string, locked: LockedPackage): string {
  if (locked.license) return locked.license;
  const manifest = new URL(`${path}/package.json`, root);
  if (!existsSync(manifest)) return 'unknown (not installed)';
  const { license, licenses } = JSON.parse(readFileSync(manifest, 'utf8'));
  const said = [license, ...(Array.isArray(licenses) ? licenses : [])].filter(Boolean);
  return said.map((entry) => (typeof entry === 'string' ? entry : entry.type)).join(' OR ') || 'none';
}

/** SPDX expressions as packages write them: one name, `A OR B`, `A AND B`, with brackets around the whole. */
function isAllowed(expression: string): boolean {
  const plain = expression.replace(/^\((.*)\)$/, '$1');
  if (plain.includes(' OR ')) return plain.split(' OR ').some(isAllowed);
  return plain.split(' AND ').every((name) => ALLOWED.has(name));
}

const runtime = Object.entries(lock.packages).filter(([path, locked]) => path !== '' && !locked.dev);
const offenders = runtime
  .map(([path, locked]) => ({ path, licence: licenceOf(path, locked) }))
  .filter(({ licence }) => !isAllowed(licence));

for (const { path, licence } of offenders) console.log(`${path}: ${licence}`);
console.log(`licences: ${runtime.length} packages, ${offenders.length} not allowed`);
process.exitCode = offenders.length === 0 ? 0 : 1;
