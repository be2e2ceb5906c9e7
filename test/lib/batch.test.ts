import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createBatcher, type Outcome } from '../../src/lib/batch.ts';

const ok = <R>(value: R): Outcome<R> => ({ ok: true, value });

/** A flush whose answers come when the test lets them. */
function heldFlush() {
  const flushes: {
    items: number[];
    answer: (outcomes?: Outcome<number>[]) => void;
    fail: (error: Error) => void;
  }[] = [];
  const flush = (items: number[]) =>
    new Promise<Outcome<number>[]>((resolve, reject) => {
      flushes.push({ items, answer: (outcomes = items.map(ok)) => resolve(outcomes), fail: reject });
    });
  return { flushes, flush };
}

describe('items that come together', () => {
  test('leave in one flush, in the order in which they came, and each gets its own answer', async () => {
    const seen: number[][] = [];
    const batch = createBatcher(
      async (items: number[]) => {
        seen.push(items);
        return items.map((item) => ok(item * 10));
      },
      { maxItems: 100, maxInFlight: 1 },
    );
    expect(await Promise.all([3, 1, 2].map(batch))).toEqual([30, 10, 20]);
    expect(seen).toEqual([[3, 1, 2]]);
  });

  test('are split where they are more than a flush may hold, and no more flushes than allowed run at once', async () => {
    const { flushes, flush } = heldFlush();
    const batch = createBatcher(flush, { maxItems: 2, maxInFlight: 2 });
    const answers = [1, 2, 3, 4, 5].map(batch);
    await turn();
    await turn();
    expect(flushes.map(({ items }) => items)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    flushes[1]!.answer();
    expect(await Promise.all(answers.slice(2, 4))).toEqual([3, 4]);
    await turn();
    expect(flushes.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]]);
    flushes[0]!.answer();
    flushes[2]!.answer();
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5]);
  });

  test('while a flush is under way wait for it and then leave together', async () => {
    const { flushes, flush } = heldFlush();
    const batch = createBatcher(flush, { maxItems: 100, maxInFlight: 1 });
    const first = batch(0);
    await turn();
    const later = [];
    for (let item = 1; item <= 5; item++) {
      later.push(batch(item));
      await turn();
    }
    flushes[0]!.answer();
    await first;
    await turn();
    expect(flushes.map(({ items }) => items)).toEqual([[0], [1, 2, 3, 4, 5]]);
    flushes[1]!.answer();
    expect(await Promise.all(later)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('an error', () => {
  const one = { maxItems: 10, maxInFlight: 1 };

  test('of one item harms no neighbour', async () => {
    const batch = createBatcher(
      async (items: number[]) =>
        items.map(
          (item): Outcome<number> => (item === 2 ? { ok: false, error: new Error('two') } : ok(item)),
        ),
      one,
    );
    const [a, b, c] = await Promise.allSettled([1, 2, 3].map(batch));
    expect([a, c]).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'fulfilled', value: 3 },
    ]);
    expect(b).toMatchObject({ status: 'rejected', reason: { message: 'two' } });
  });

  test('of a flush reaches all of that flush, and the next one goes on', async () => {
    const { flushes, flush } = heldFlush();
    const batch = createBatcher(flush, one);
    const lost = [1, 2].map(batch);
    await turn();
    const next = batch(3);
    const error = new Error('away');
    flushes[0]!.fail(error);
    expect(await Promise.allSettled(lost)).toEqual([1, 2].map(() => ({ status: 'rejected', reason: error })));
    await turn();
    flushes[1]!.answer();
    expect(await next).toBe(3);
  });

  test('that is thrown before anything was awaited is like any other', async () => {
    const error = new Error('at once');
    const batch = createBatcher<number, number>(() => {
      throw error;
    }, one);
    expect(await Promise.allSettled([1, 2].map(batch))).toEqual(
      [1, 2].map(() => ({ status: 'rejected', reason: error })),
    );
    await expect(batch(3)).rejects.toBe(error);
  });

  test('is what an item gets that the flush forgot to answer', async () => {
    const batch = createBatcher(async (items: number[]) => items.slice(1).map(ok), one);
    const [a, b] = await Promise.allSettled([1, 2].map(batch));
    expect(a).toEqual({ status: 'fulfilled', value: 2 });
    expect(b).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('too few') } });
  });
});

test('whatever comes when, each item is flushed once, in order, within the limits, and answered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ pause: fc.nat(3), work: fc.nat(3) }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 3 }),
      async (arrivals, maxItems, maxInFlight) => {
        const flushed: number[] = [];
        let inFlight = 0;
        const batch = createBatcher(
          async (items: number[]) => {
            inFlight += 1;
            expect(inFlight).toBeLessThanOrEqual(maxInFlight);
            expect(items.length).toBeGreaterThan(0);
            expect(items.length).toBeLessThanOrEqual(maxItems);
            flushed.push(...items);
            for (let turns = arrivals[items[0]!]!.work; turns > 0; turns--) await turn();
            inFlight -= 1;
            return items.map(
              (item): Outcome<number> => (item % 5 === 4 ? { ok: false, error: item } : ok(item)),
            );
          },
          { maxItems, maxInFlight },
        );
        const answers = [];
        for (const [item, { pause }] of arrivals.entries()) {
          answers.push(batch(item).catch((error) => ({ error })));
          for (let turns = pause; turns > 0; turns--) await turn();
        }
        expect(await Promise.all(answers)).toEqual(arrivals.map((_, i) => (i % 5 === 4 ? { error: i } : i)));
        expect(flushed).toEqual(arrivals.map((_, i) => i));
      },
    ),
    { seed: 3, numRuns: 150 },
  );
});

test('a steady stream keeps nobody waiting and shares its flushes', async () => {
  const PRODUCERS = 50;
  const EACH = 40;
  let flushes = 0;
  const batch = createBatcher(
    async (items: number[]) => {
      flushes += 1;
      await turn();
      return items.map(ok);
    },
    { maxItems: 25, maxInFlight: 2 },
  );
  const waits: number[] = [];
  const produce = async () => {
    for (let i = 0; i < EACH; i++) {
      const begun = flushes;
      await batch(i);
      waits.push(flushes - begun);
    }
  };
  await Promise.all(Array.from({ length: PRODUCERS }, produce));
  expect(waits).toHaveLength(PRODUCERS * EACH);
  // Fifty who wait fill two flushes of 25: nobody sees more than a few go by before his own.
  expect(Math.max(...waits)).toBeLessThanOrEqual(6);
  expect(flushes).toBeLessThan((PRODUCERS * EACH) / 8);
});
