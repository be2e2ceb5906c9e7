import fc from 'fast-check';

export const LEASE_MS = 30_000;
export const WORKERS = 4;
export const ITEMS = 6;
export const HOUR_MS = 3_600_000;
export const START = new Date('2026-11-24T12:00:00Z').getTime();

export type Step =
  | { do: 'claim'; worker: number; items: number[] }
  | { do: 'renew'; worker: number; claim: number }
  | { do: 'settle'; worker: number; claims: number[]; to: Outcome }
  | { do: 'rush'; outcomes: Outcome[] }
  | { do: 'crash'; worker: number }
  | { do: 'jump'; worker: number; ms: number };
export interface Outcome {
  state: 'done' | 'waiting';
  /** From now on the worker's clock. */
  waitMs: number;
  keepAttempts: boolean;
}

const worker = fc.nat(WORKERS - 1);
const outcome: fc.Arbitrary<Outcome> = fc.record({
  state: fc.constantFrom('done' as const, 'waiting' as const),
  waitMs: fc.constantFrom(0, 1_000, LEASE_MS, HOUR_MS),
  keepAttempts: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      worker,
      items: fc.subarray([...Array(ITEMS).keys()], { minLength: 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), worker, claim: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      worker,
      claims: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
      to: outcome,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('rush' as const),
      outcomes: fc.array(outcome, { minLength: WORKERS, maxLength: WORKERS }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), worker }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('jump' as const),
      worker,
      ms: fc.oneof(
        fc.constantFrom(LEASE_MS, LEASE_MS - 1, -LEASE_MS),
        fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }),
      ),
    }),
  },
);
export const steps = fc.array(step, { minLength: 5, maxLength: 40 });
