import { mongo } from 'mongoose';
import {
  AT_ONCE,
  type Claim,
  createWorkQueue,
  newWork,
  type Settlement,
  type WorkDocument,
  type WorkQueue,
} from '../../src/store/work/index.ts';

import { HOUR_MS, ITEMS, LEASE_MS, type Outcome, START, type Step, WORKERS } from './work-steps.ts';

/** What an item must look like; kept beside the real one. */
interface Expected {
  state: string;
  dueAt: number | undefined;
  owner: string | null;
  fence: number;
  attempts: number;
}

/** Several workers, each with a clock of its own, over one collection; every answer is held against the model. */
export class Play {
  readonly #items: mongo.Collection<WorkDocument>;
  readonly #ids = Array.from({ length: ITEMS }, () => new mongo.ObjectId());
  readonly #expected: Expected[] = this.#ids.map((_, i) => ({
    state: 'new',
    dueAt: i % 3 === 2 ? START + HOUR_MS : AT_ONCE.getTime(),
    owner: null,
    fence: 0,
    attempts: 0,
  }));
  readonly #workers: { clock: number; queue: WorkQueue<WorkDocument>; claims: Claim<WorkDocument>[] }[];
  /** Accepted settlements by item and fence, and how often each item came to rest. */
  readonly accepted = new Map<string, string>();
  readonly rests = new Map<string, number>();

  constructor(items: mongo.Collection<WorkDocument>, durableClaims: boolean) {
    this.#items = items;
    this.#workers = Array.from({ length: WORKERS }, () => {
      const one = { clock: START, claims: [] as Claim<WorkDocument>[] };
      const now = () => new Date(one.clock);
      return Object.assign(one, {
        queue: createWorkQueue(items, { running: 'running', leaseMs: LEASE_MS, now, durableClaims }),
      });
    });
  }

  async begin(): Promise<void> {
    await this.#items.deleteMany({});
    const docs = this.#ids.map((_id, i) => ({ _id, ...newWork('new', new Date(this.#expected[i]!.dueAt!)) }));
    await this.#items.insertMany(docs);
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'rush') return this.#rush(step.outcomes);
    const one = this.#workers[step.worker]!;
    if (step.do === 'jump') one.clock += step.ms;
    else if (step.do === 'crash') one.claims = [];
    else if (step.do === 'claim') await this.#claim(step.worker, step.items);
    else if (one.claims.length > 0) {
      if (step.do === 'renew') await this.#renew(step.worker, one.claims[step.claim % one.claims.length]!);
      else
        await this.#settle(
          step.worker,
          step.claims.map((k) => one.claims[k % one.claims.length]!),
          step.to,
        );
    }
  }

  /** Time passes and somebody sweeps until nothing is left to do. Fails when that never comes. */
  async drain(): Promise<void> {
    const last = this.#workers[0]!;
    for (let round = 0; round < 2; round++) {
      last.clock = Math.max(...this.#workers.map((one) => one.clock)) + 24 * HOUR_MS;
      const due = (await last.queue.due(ITEMS)).map((id) => this.#indexOf(id));
      const wanted = this.#expected.flatMap((it, i) => (it.dueAt === undefined ? [] : [i]));
      same(due.toSorted(), wanted, 'all that is not at rest is due in the end');
      sorted(due.map((i) => this.#expected[i]!.dueAt!));
      const claims = await this.#claim(0, due);
      await this.#settle(0, claims, { state: 'done', waitMs: 0, keepAttempts: false });
    }
    same(await last.queue.due(ITEMS), [], 'nothing is due after the last sweep');
    for (const id of this.#ids) same(this.rests.get(id.toHexString()), 1, 'an item comes to rest once');
  }

  /** The real items are what the model says. */
  async compare(): Promise<void> {
    const docs = await this.#items.find().sort({ _id: 1 }).toArray();
    const real = docs.map(({ state, dueAt, lease, attempts }) => ({
      state,
      dueAt: dueAt?.getTime(),
      ...lease,
      attempts,
    }));
    same(real, this.#expected, 'the stored items');
  }

  async #claim(worker: number, wanted: number[]): Promise<Claim<WorkDocument>[]> {
    const { clock, queue, claims } = this.#workers[worker]!;
    const due = wanted.filter((i) => (this.#expected[i]!.dueAt ?? Infinity) <= clock);
    const got = await queue.claim(wanted.map((i) => this.#ids[i]!));
    same(
      got.map(({ doc }) => this.#indexOf(doc._id)).toSorted(),
      due.toSorted(),
      'what is due is claimed, and nothing else',
    );
    for (const claim of got) {
      const it = this.#expected[this.#indexOf(claim.doc._id)]!;
      Object.assign(it, {
        state: 'running',
        dueAt: clock + LEASE_MS,
        owner: claim.owner,
        fence: it.fence + 1,
        attempts: it.attempts + 1,
      });
      same(claim.fence, it.fence, 'a fence rises by one');
      same(claim.doc.attempts, it.attempts, 'a claim counts one attempt');
    }
    claims.push(...got);
    return got;
  }

  async #renew(worker: number, claim: Claim<WorkDocument>): Promise<void> {
    const { clock, queue } = this.#workers[worker]!;
    const it = this.#expected[this.#indexOf(claim.doc._id)]!;
    const held = it.owner === claim.owner && it.fence === claim.fence;
    same(await queue.renew(claim), held, 'the holder alone may renew');
    if (held) it.dueAt = clock + LEASE_MS;
  }

  async #settle(worker: number, claims: Claim<WorkDocument>[], outcome: Outcome): Promise<void> {
    const { clock, queue } = this.#workers[worker]!;
    const to = settlementOf(outcome, clock);
    const answers = await queue.settle(claims.map((claim) => ({ claim, to })));
    const wanted = claims.map((claim) => {
      const it = this.#expected[this.#indexOf(claim.doc._id)]!;
      if (it.fence !== claim.fence) return false;
      if (it.owner === null) return it.state === to.state && it.dueAt === to.dueAt?.getTime();
      this.#accept(claim, to);
      Object.assign(it, { state: to.state, dueAt: to.dueAt?.getTime(), owner: null });
      if (to.keepAttempts) it.attempts -= 1;
      return true;
    });
    same(answers, wanted, 'the holder alone may settle');
  }

  /** All claim all and settle what they got, at the same time. Who wins is open; that one wins is not. */
  async #rush(outcomes: Outcome[]): Promise<void> {
    const before = this.#expected.map((it) => it.fence);
    const settled = await Promise.all(
      this.#workers.map(async ({ clock, queue }, w) => {
        const claims = await queue.claim(this.#ids);
        const to = settlementOf(outcomes[w]!, clock);
        const answers = await queue.settle(claims.map((claim) => ({ claim, to })));
        return claims.map((claim, i) => ({ claim, to, accepted: answers[i]! }));
      }),
    );
    const all = settled.flat();
    for (const { claim, to, accepted } of all) if (accepted) this.#accept(claim, to);
    for (const doc of await this.#items.find().toArray()) {
      const i = this.#indexOf(doc._id);
      const mine = all.filter(({ claim }) => claim.doc._id.equals(doc._id));
      const fences = mine.map(({ claim }) => claim.fence).toSorted((a, b) => a - b);
      const taken = doc.lease.fence - before[i]!;
      // A claim that another took between its write and its read is nobody's: its fence is missing, never doubled.
      same(new Set(fences).size, fences.length, 'two holders never share a fence');
      same(
        fences.every((fence) => fence > before[i]! && fence <= before[i]! + taken),
        true,
        'fences rise by one a claim',
      );
      Object.assign(this.#expected[i]!, {
        state: doc.state,
        dueAt: doc.dueAt?.getTime(),
        ...doc.lease,
        attempts: doc.attempts,
      });
    }
  }

  #accept(claim: Claim<WorkDocument>, to: Settlement): void {
    const id = claim.doc._id.toHexString();
    const key = `${id}:${claim.fence}`;
    same(this.accepted.get(key), undefined, 'a claim is settled once');
    this.accepted.set(key, to.state);
    if (!to.dueAt) this.rests.set(id, (this.rests.get(id) ?? 0) + 1);
  }

  #indexOf(id: mongo.ObjectId): number {
    return this.#ids.findIndex((it) => it.equals(id));
  }
}

const settlementOf = ({ state, waitMs, keepAttempts }: Outcome, clock: number): Settlement => ({
  state,
  keepAttempts,
  ...(state === 'waiting' ? { dueAt: new Date(clock + waitMs) } : {}),
});

function same(real: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(real), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

function sorted(times: number[]): void {
  same(
    times,
    times.toSorted((a, b) => a - b),
    'longest due first',
  );
}
