import { createHash } from 'node:crypto';

const CR = 0x0d;
const HELD_BYTES_MAX = 64 * 1024;

/**
 * A hash of what a mail says, part by part, that is the same whichever way the mail came: line ends and blank ends
 * of what was not base64 do not count (a relay may add or drop them), trace headers are not in it at all.
 */
export class BodyDigest {
  readonly #hash = createHash('sha256');
  #textual = false;
  #held = Buffer.alloc(0);

  /** `textual`: its line ends may have been changed on the way. */
  begin(type: string, textual: boolean): void {
    this.#textual = textual;
    this.#held = Buffer.alloc(0);
    this.#hash.update(`${type}\0`);
  }

  update(chunk: Buffer): void {
    if (!this.#textual) {
      this.#hash.update(chunk);
      return;
    }
    const plain = chunk.includes(CR)
      ? Buffer.from(chunk.toString('latin1').replaceAll('\r', ''), 'latin1')
      : chunk;
    const end = endOfWords(plain);
    if (end > 0) {
      if (this.#held.length) this.#hash.update(this.#held);
      this.#hash.update(plain.subarray(0, end));
      this.#held = Buffer.from(plain.subarray(end));
    } else if (this.#held.length < HELD_BYTES_MAX) this.#held = Buffer.concat([this.#held, plain]);
  }

  end(): void {
    this.#hash.update('\0');
  }

  hex(): string {
    return this.#hash.digest('hex');
  }
}

function endOfWords(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && isBlank(bytes[end - 1])) end--;
  return end;
}

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a;
