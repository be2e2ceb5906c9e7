/**
 * Streams: version 0x02 | key id (4) | salt (16, random) | frames. Each frame seals 64 KiB (the last one what is
 * left, maybe nothing) under a key of this stream alone, with the nonce counter (11) | last (1): frames that are
 * missing, moved, swapped between streams or cut off at the end do not open. (The STREAM construction of Hoang,
 * Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015.)
 */
import { createHmac, randomBytes } from 'node:crypto';
import { Transform } from 'node:stream';
import { decrypt, encrypt, KEY_ID_BYTES, SealError, type SealKey, TAG_BYTES } from './seal-key.ts';

const VERSION = 0x02;
const SALT_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + SALT_BYTES;
export const FRAME_BYTES = 64 * 1024;
const SEALED_FRAME_BYTES = FRAME_BYTES + TAG_BYTES;

export function sealingStream(master: SealKey, context: string): Transform {
  const salt = randomBytes(SALT_BYTES);
  const key = streamKey(master, salt);
  const frames = new Splitter(FRAME_BYTES);
  let counter = 0;
  const sealFrame = (frame: Buffer, last: boolean): Buffer => {
    const { body, tag } = encrypt(key, nonceOf(counter++, last), context, frame);
    return Buffer.concat([body, tag]);
  };
  return new Transform({
    construct(done) {
      this.push(Buffer.concat([Buffer.of(VERSION), master.id, salt]));
      done();
    },
    transform(chunk: Buffer, _encoding, done) {
      frames.add(chunk, (frame) => this.push(sealFrame(frame, false)));
      done();
    },
    flush(done) {
      done(null, sealFrame(frames.rest(), true));
    },
  });
}

export function openingStream(find: (id: Buffer) => SealKey, context: string): Transform {
  let head = Buffer.alloc(0);
  let key: Buffer | undefined;
  const frames = new Splitter(SEALED_FRAME_BYTES);
  let counter = 0;
  /** Answers what follows the header, once that is complete. */
  const begin = (chunk: Buffer): Buffer => {
    head = Buffer.concat([head, chunk]);
    if (head.length < HEADER_BYTES) return Buffer.alloc(0);
    if (head[0] !== VERSION) throw new SealError('seal_malformed', 'This stream was not sealed by Earshot.');
    const salt = head.subarray(1 + KEY_ID_BYTES, HEADER_BYTES);
    key = streamKey(find(head.subarray(1, 1 + KEY_ID_BYTES)), salt);
    return head.subarray(HEADER_BYTES);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        const sealed = key ? chunk : begin(chunk);
        frames.add(sealed, (frame) => this.push(decrypt(key!, nonceOf(counter++, false), context, frame)));
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      try {
        const last = frames.rest();
        if (!key || last.length < TAG_BYTES)
          throw new SealError('seal_truncated', 'The end of the sealed stream is missing.');
        done(null, decrypt(key, nonceOf(counter, true), context, last));
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

function streamKey(master: SealKey, salt: Buffer): Buffer {
  return createHmac('sha256', master.stream).update(salt).digest();
}

function nonceOf(counter: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(counter, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/**
 * Cuts a stream into frames of one size, in one buffer that is used again and again: `see` must be done with a frame
 * when it returns. A full frame waits until more follows, as it may be the last.
 */
class Splitter {
  readonly #frame: Buffer;
  #length = 0;

  constructor(size: number) {
    this.#frame = Buffer.allocUnsafe(size);
  }

  add(chunk: Buffer, see: (frame: Buffer) => void): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#length === this.#frame.length) {
        see(this.#frame);
        this.#length = 0;
      }
      const copied = chunk.copy(this.#frame, this.#length, at);
      this.#length += copied;
      at += copied;
    }
  }

  rest(): Buffer {
    return this.#frame.subarray(0, this.#length);
  }
}
