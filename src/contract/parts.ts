import { Readable } from 'node:stream';
import type { Parts } from './channel.ts';

/** The parts of a small delivery, whose bytes are already at hand. */
export function partsOf(bytes: ReadonlyMap<string, Buffer>): Parts {
  return {
    async read(visit) {
      for (const [part, buffer] of bytes) await visit(part, Readable.from([buffer]));
    },
  };
}

export const NO_PARTS: Parts = partsOf(new Map());
