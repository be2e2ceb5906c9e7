import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Import {
  file: string;
  line: number;
  /** Of ours: a path from the root. A package: its name alone. A builtin: `node:…`. */
  target: string;
  kind: 'ours' | 'package' | 'builtin';
  /** Gone when the types are stripped. */
  typeOnly: boolean;
}

export interface Source {
  file: string;
  text: string;
  imports: Import[];
}

const STATEMENT =
  /^[ \t]*(?:import|export)\b(?<names>[^;'"`]*?)\bfrom\s*'(?<from>[^']+)'|^[ \t]*import\s*'(?<bare>[^']+)'|\bimport\(\s*'(?<lazy>[^']+)'\s*\)/gm;
const BUILTINS = new Set(builtinModules);

/** Every TypeScript file of these folders, with what it imports. */
export function readSources(folders: readonly string[]): Source[] {
  return globSync(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: ROOT },
  ).map((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    return { file, text, imports: importsOf(file, text) };
  });
}

function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(STATEMENT)].map((match) => {
    const { names = '', from, bare, lazy } = match.groups!;
    const given = (from ?? bare ?? lazy)!;
    return {
      file,
      line: lineAt(text, match.index + match[0].length),
      ...resolve(file, given),
      typeOnly: from !== undefined && isTypeOnly(names.trim()),
    };
  });
}

function resolve(file: string, given: string): Pick<Import, 'target' | 'kind'> {
  if (given.startsWith('.')) return { target: normalize(join(file, '..', given)), kind: 'ours' };
  if (given.startsWith('node:') || BUILTINS.has(given)) return { target: given, kind: 'builtin' };
  const parts = given.split('/');
  return { target: parts.slice(0, given.startsWith('@') ? 2 : 1).join('/'), kind: 'package' };
}

/** `type X from`, `type { A }`, `{ type A, type B }`. */
function isTypeOnly(names: string): boolean {
  if (names.startsWith('type ') || names.startsWith('type{')) return true;
  const list = /^\{(.*)\}$/s
    .exec(names)?.[1]
    ?.split(',')
    .filter((name) => name.trim() !== '');
  return list?.every((name) => name.trim().startsWith('type ')) ?? false;
}

export const lineAt = (text: string, index: number) => text.slice(0, index).split('\n').length;
