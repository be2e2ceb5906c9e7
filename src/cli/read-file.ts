import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Body } from '../contract/index.ts';
import { CliError } from './errors.ts';

/** A bigger file is streamed, as the way in does. In bytes. */
const INLINE_MAX = 1024 * 1024;

/** A file as a delivery's body; `-` is standard input. Rejects with CliError `file_unreadable`. */
export async function bodyOfFile(file: string): Promise<Body> {
  try {
    if (file === '-') return inline(await buffer(process.stdin));
    const { size } = await stat(file);
    return size <= INLINE_MAX ? inline(await readFile(file)) : { size, open: () => createReadStream(file) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError('file_unreadable', `${file} cannot be read (${code}).`);
  }
}

const inline = (bytes: Buffer): Body => ({
  size: bytes.length,
  bytes,
  open: () => Readable.from([bytes]),
});
