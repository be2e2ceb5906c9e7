import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { wrongUsage } from './errors.ts';

/** JSON given in place, as `@file`, or as `-` for standard input; an object. Throws CliError with exit code 2. */
export async function readObject(option: string, given: string): Promise<Record<string, unknown>> {
  const source = given === '-' ? 'standard input' : given.startsWith('@') ? given.slice(1) : 'the argument';
  const value = parse(option, source, await readGiven(option, given));
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw wrongUsage(`${option}: ${source} holds no JSON object.`);
}

async function readGiven(option: string, given: string): Promise<string> {
  if (given === '-') return text(process.stdin);
  if (!given.startsWith('@')) return given;
  try {
    return readFileSync(given.slice(1), 'utf8');
  } catch (error) {
    throw wrongUsage(
      `${option}: ${given.slice(1)} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    );
  }
}

function parse(option: string, source: string, json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    const hint = source === 'the argument' ? ' A file is given as @FILE.' : '';
    throw wrongUsage(`${option}: ${source} is no JSON: ${(error as Error).message}.${hint}`);
  }
}

/** `Name: value`, repeatable; names become lower-case, as an envelope wants them. */
export function collectHeader(given: string, headers: Record<string, string> = {}): Record<string, string> {
  const colon = given.indexOf(':');
  if (colon < 1) throw wrongUsage(`--header: "${given}" is no header; write 'Name: value'.`);
  return { ...headers, [given.slice(0, colon).trim().toLowerCase()]: given.slice(colon + 1).trim() };
}
