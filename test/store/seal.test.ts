import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSealer, type Sealer } from '../../src/store/seal.ts';
import { FRAME_BYTES } from '../../src/store/seal-stream.ts';

const OLD = 'o'.repeat(32);
const NEW = 'n'.repeat(32);
const SEALED_FRAME = FRAME_BYTES + 16;
const HEADER = 21;
const sealer = createSealer([NEW, OLD]);

const sealAll = (bytes: Buffer, context = 'c', by: Sealer = sealer) =>
  buffer(Readable.from([bytes], { objectMode: false }).pipe(by.sealStream(context)));

/** What came out before the end or the error, and the error's code. */
async function openAll(sealed: Buffer, context = 'c', by: Sealer = sealer) {
  const out: Buffer[] = [];
  try {
    await pipeline(Readable.from(pieces(sealed)), by.openStream(context), async (clear) => {
      for await (const chunk of clear) out.push(chunk);
    });
    return { bytes: Buffer.concat(out) };
  } catch (error) {
    return { bytes: Buffer.concat(out), code: (error as { code: string }).code };
  }
}

function* pieces(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 10_007) yield bytes.subarray(at, at + 10_007);
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('sealed bytes', () => {
  test('any one changed bit is noticed, wherever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(7), (bytes, at, bit) => {
        const sealed = sealer.seal(Buffer.from(bytes), 'raw:1');
        expect(sealer.open(sealed, 'raw:1')).toEqual(Buffer.from(bytes));
        sealed[at % sealed.length]! ^= 1 << bit;
        expect(codeOf(() => sealer.open(sealed, 'raw:1'))).toMatch(/^seal_(tampered|unknown_key|malformed)$/);
      }),
    );
  });

  test('one row cannot pass its bytes off as those of another', () => {
    expect(codeOf(() => sealer.open(sealer.seal(Buffer.from('x'), 'raw:1'), 'raw:2'))).toBe('seal_tampered');
  });

  test('cut short, empty or clear bytes are refused, not misread', () => {
    const sealed = sealer.seal(Buffer.from('hello'), 'c');
    for (let length = 0; length < sealed.length; length++)
      expect(codeOf(() => sealer.open(sealed.subarray(0, length), 'c'))).toMatch(/^seal_/);
    expect(codeOf(() => sealer.open(Buffer.from('From: a clear mail that nobody sealed'), 'c'))).toBe(
      'seal_malformed',
    );
  });

  test('what an old secret has sealed opens as long as it is in the list, and no longer', () => {
    const sealed = createSealer([OLD]).seal(Buffer.from('x'), 'c');
    expect(sealer.open(sealed, 'c').toString()).toBe('x');
    expect(codeOf(() => createSealer([NEW]).open(sealed, 'c'))).toBe('seal_unknown_key');
    expect(codeOf(() => createSealer([OLD]).open(sealer.seal(Buffer.from('x'), 'c'), 'c'))).toBe(
      'seal_unknown_key',
    );
  });

  test('the same bytes never look the same twice', () => {
    const looks = new Set(
      Array.from({ length: 100 }, () => sealer.seal(Buffer.from('x'), 'c').toString('hex')),
    );
    expect(looks.size).toBe(100);
  });

  test('a thousand seals cost the hot path less than 100 ms', () => {
    const bytes = randomBytes(2_000);
    const started = performance.now();
    for (let i = 0; i < 1_000; i++) sealer.seal(bytes, 'raw:1');
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('sealed streams', () => {
  const sizes = [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 3 * FRAME_BYTES + 77];
  test.each(sizes)('%i bytes come back as they were', async (size) => {
    const bytes = randomBytes(size);
    const { bytes: back, code } = await openAll(await sealAll(bytes));
    expect([back.equals(bytes), code]).toEqual([true, undefined]);
  });

  test('a stream cut off anywhere fails, at the border of a frame too', async () => {
    const sealed = await sealAll(randomBytes(3 * FRAME_BYTES + 10));
    const cuts = [0, 1, HEADER, HEADER + 5, HEADER + 100, sealed.length - 1];
    for (let frame = 1; frame <= 3; frame++) cuts.push(HEADER + frame * SEALED_FRAME);
    for (const cut of cuts) expect((await openAll(sealed.subarray(0, cut))).code).toMatch(/^seal_/);
  });

  test('swapped, doubled, dropped and appended frames fail, and none of their bytes come out', async () => {
    const bytes = randomBytes(3 * FRAME_BYTES + 10);
    const sealed = await sealAll(bytes);
    const frames = [0, 1, 2, 3].map((n) =>
      sealed.subarray(HEADER + n * SEALED_FRAME, Math.min(HEADER + (n + 1) * SEALED_FRAME, sealed.length)),
    );
    const build = (...order: number[]) =>
      Buffer.concat([sealed.subarray(0, HEADER), ...order.map((n) => frames[n]!)]);
    expect((await openAll(build(0, 1, 2, 3))).bytes.equals(bytes)).toBe(true);
    for (const order of [[1, 0, 2, 3], [0, 0, 1, 2, 3], [0, 2, 3], [0, 1, 2, 3, 3], [3]]) {
      const { bytes: out, code } = await openAll(build(...order));
      expect(code).toBe('seal_tampered');
      expect(bytes.subarray(0, out.length).equals(out)).toBe(true);
    }
  });

  test('a frame of another stream under the same secret and context does not fit', async () => {
    const one = await sealAll(randomBytes(2 * FRAME_BYTES));
    const two = await sealAll(randomBytes(2 * FRAME_BYTES));
    two.copy(one, HEADER, HEADER, HEADER + SEALED_FRAME);
    expect((await openAll(one)).code).toBe('seal_tampered');
  });

  test('a stream opens under its context and its secret alone', async () => {
    const sealed = await sealAll(Buffer.from('x'), 'blob:1', createSealer([OLD]));
    expect((await openAll(sealed, 'blob:2')).code).toBe('seal_tampered');
    expect((await openAll(sealed, 'blob:1', createSealer([NEW]))).code).toBe('seal_unknown_key');
    expect((await openAll(sealed, 'blob:1')).bytes.toString()).toBe('x');
  });

  test('400 MiB pass through without being held in memory', async () => {
    const piece = randomBytes(256 * 1024);
    let passed = 0;
    const before = process.memoryUsage().rss;
    let peak = 0;
    await pipeline(
      Readable.from(Array.from({ length: 1_600 }, () => piece)),
      sealer.sealStream('c'),
      sealer.openStream('c'),
      async (clear) => {
        for await (const chunk of clear) {
          passed += chunk.length;
          peak = Math.max(peak, process.memoryUsage.rss());
        }
      },
    );
    expect(passed).toBe(1_600 * piece.length);
    expect(peak - before).toBeLessThan(150 * 1024 * 1024);
  });
});

describe('tokens', () => {
  test('a token of one purpose does not serve another, nor other data, nor another length', () => {
    const mac = sealer.mac('reply', 'abc', 20);
    expect(mac).toMatch(/^[0-9a-f]{20}$/);
    expect(sealer.checkMac('reply', 'abc', mac, 20)).toBe(true);
    expect(sealer.checkMac('bounce', 'abc', mac, 20)).toBe(false);
    expect(sealer.checkMac('reply', 'abd', mac, 20)).toBe(false);
    expect(sealer.checkMac('reply', 'abc', mac.slice(0, 4), 20)).toBe(false);
    expect(sealer.checkMac('reply', 'abc', '', 0)).toBe(false);
    expect(sealer.checkMac('reply', 'abc', 'é'.repeat(20), 20)).toBe(false);
  });

  test('tokens that went out before a new secret was put first still come back', () => {
    expect(sealer.checkMac('reply', 'abc', createSealer([OLD]).mac('reply', 'abc', 20), 20)).toBe(true);
    expect(
      createSealer([NEW]).checkMac('reply', 'abc', createSealer([OLD]).mac('reply', 'abc', 20), 20),
    ).toBe(false);
  });
});
