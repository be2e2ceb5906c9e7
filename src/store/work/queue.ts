import { randomBytes } from 'node:crypto';
import type mongoose from 'mongoose';
import { DURABLE, FAST } from '../connect.ts';
import { AT_ONCE, type Claim, type Settlement, type WorkFields } from './fields.ts';

type Collection<Doc extends mongoose.mongo.Document> = mongoose.mongo.Collection<Doc>;
type ObjectId = mongoose.Types.ObjectId;

export interface WorkDocument extends WorkFields {
  _id: ObjectId;
}

export interface WorkQueueOptions {
  /** The state of an item while somebody holds it. */
  running: string;
  leaseMs: number;
  now(): Date;
  /**
   * true: a claim is durable before the work begins (sending a message twice would be visible). false: a claim that
   * a failing primary forgets only makes idempotent work be done again.
   */
  durableClaims: boolean;
  /**
   * `Store.epoch`, where work is done by FAST writes that its settlement is to cover: a primary that has crashed since
   * the claim may have forgotten them, so the work is then done again. Absent where nothing rests on FAST writes.
   */
  epoch?(): string;
}

export interface WorkQueue<Doc extends WorkDocument> {
  /**
   * Takes those of `ids` that are due or abandoned (with `seen`: and have not moved since they were read so); the
   * others are left out. Two round trips for any number.
   */
  claim(ids: ObjectId[], seen?: { state: string; fence: number }): Promise<Claim<Doc>[]>;
  /**
   * Writes what became of claimed items, durably, in one round trip; acknowledged, it covers every earlier write
   * of the same work (see FAST). Answers, in order, whether it counts: a false one was lost, and is or will be due again.
   * Repeating a settlement whose answer got lost is answered true; another outcome for the same claim is refused.
   */
  settle(settlements: { claim: Claim<Doc>; to: Settlement }[]): Promise<boolean[]>;
  /** Prolongs a claim; false: it was lost, stop working. */
  renew(claim: Claim<Doc>): Promise<boolean>;
  /** Ids of at most `limit` items that are due or abandoned, longest due first. */
  due(limit: number): Promise<ObjectId[]>;
}

/** The sparse index that `due` and `claim` rest on. */
export const workIndex = (collection: string) => ({
  collection,
  keys: { dueAt: 1 as const },
  options: { sparse: true, name: 'work_due' },
});

export function createWorkQueue<Doc extends WorkDocument>(
  collection: Collection<Doc>,
  { running, leaseMs, now, durableClaims, epoch = () => '' }: WorkQueueOptions,
): WorkQueue<Doc> {
  // The driver's filter types cannot see through a generic document; the shapes are those of WorkFields.
  const items = collection as unknown as Collection<WorkDocument>;
  const leaseEnd = () => new Date(now().getTime() + leaseMs);
  const held = ({ doc, owner, fence }: Claim<Doc>) => ({
    _id: doc._id,
    'lease.owner': owner,
    'lease.fence': fence,
  });

  /** The primary crashed while we settled: what the settlement was to cover may be gone, so the items are due again. */
  const takeBack = (settlements: { claim: Claim<Doc> }[]) =>
    items.updateMany(
      { $or: settlements.map(({ claim }) => ({ _id: claim.doc._id, 'lease.fence': claim.fence })) },
      { $set: { state: running, dueAt: AT_ONCE, 'lease.owner': null } },
      DURABLE,
    );

  return {
    async claim(ids, seen) {
      if (ids.length === 0) return [];
      const owner = randomBytes(9).toString('base64url');
      const claimedIn = epoch();
      const taken = await items.updateMany(
        {
          _id: { $in: ids },
          dueAt: { $lte: now() },
          ...(seen ? { state: seen.state, 'lease.fence': seen.fence } : {}),
        },
        {
          $set: { state: running, dueAt: leaseEnd(), 'lease.owner': owner },
          $inc: { 'lease.fence': 1, attempts: 1 },
        },
        durableClaims ? DURABLE : FAST,
      );
      if (taken.modifiedCount === 0) return [];
      const docs = await items
        .find({ _id: { $in: ids }, 'lease.owner': owner })
        .sort({ _id: 1 })
        .toArray();
      return docs.map((doc) => ({
        doc: doc as unknown as Doc,
        owner,
        fence: doc.lease.fence,
        epoch: claimedIn,
      }));
    },

    async settle(settlements) {
      const before = epoch();
      const sound = settlements.filter(({ claim }) => claim.epoch === before);
      if (sound.length === 0) return settlements.map(() => false);
      const result = await items.bulkWrite(
        alike(sound).map(([{ claim, to }, ...others]) => {
          const update = settlementUpdate(to, now());
          if (others.length === 0) return { updateOne: { filter: held(claim), update } };
          const ids = [claim, ...others.map((other) => other.claim)].map(({ doc }) => doc._id);
          // The owner names one claim, so it is as good as the fence of each.
          return { updateMany: { filter: { _id: { $in: ids }, 'lease.owner': claim.owner }, update } };
        }),
        { ordered: false, ...DURABLE },
      );
      const settled =
        result.matchedCount === sound.length ? sound.map(() => true) : await findSettled(items, sound);
      if (epoch() !== before) {
        const gained = sound.filter((_, i) => settled[i]);
        if (gained.length > 0) await takeBack(gained);
        return settlements.map(() => false);
      }
      return settlements.map((settlement) => settled[sound.indexOf(settlement)] ?? false);
    },

    async renew(claim) {
      const result = await items.updateOne(
        held(claim),
        { $set: { dueAt: leaseEnd() } },
        durableClaims ? DURABLE : FAST,
      );
      return result.matchedCount === 1;
    },

    async due(limit) {
      const found = await items
        .find({ dueAt: { $lte: now() } }, { projection: { _id: 1 } })
        // By nothing else: the index gives this order, so that a long backlog is not read to its end at each sweep.
        .sort({ dueAt: 1 })
        .limit(limit)
        .toArray();
      return found.map((doc) => doc._id);
    },
  };
}

type Group<Doc extends WorkDocument> = [
  { claim: Claim<Doc>; to: Settlement },
  ...{ claim: Claim<Doc>; to: Settlement }[],
];

/**
 * Settlements of one claim that write the same, together: most of a batch ends alike, and one statement for 64
 * documents costs mongod a third of 64 statements.
 */
function alike<Doc extends WorkDocument>(settlements: { claim: Claim<Doc>; to: Settlement }[]): Group<Doc>[] {
  const groups = Map.groupBy(settlements, ({ claim, to }) => `${claim.owner} ${JSON.stringify(to)}`);
  return [...groups.values()] as Group<Doc>[];
}

function settlementUpdate(to: Settlement, at: Date): mongoose.mongo.UpdateFilter<WorkDocument> {
  return {
    $set: {
      ...to.set,
      state: to.state,
      'lease.owner': null,
      ...(to.dueAt ? { dueAt: to.dueAt } : {}),
      ...(to.error ? { lastError: { ...to.error, at } } : {}),
    },
    ...(to.dueAt ? {} : { $unset: { dueAt: '' as const } }),
    ...(to.keepAttempts ? { $inc: { attempts: -1 } } : {}),
  };
}

/**
 * Some claims were lost. A settled item is free, still carries the claim's fence, and stands as the settlement says
 * (one that was settled otherwise, or set going again since, does not); anything else was not ours.
 */
async function findSettled<Doc extends WorkDocument>(
  items: Collection<WorkDocument>,
  settlements: { claim: Claim<Doc>; to: Settlement }[],
): Promise<boolean[]> {
  const docs = await items
    .find(
      { _id: { $in: settlements.map(({ claim }) => claim.doc._id) } },
      { projection: { lease: 1, state: 1, dueAt: 1 } },
    )
    .toArray();
  const byId = new Map(docs.map((doc) => [doc._id.toHexString(), doc]));
  return settlements.map(({ claim, to }) => {
    const doc = byId.get(claim.doc._id.toHexString());
    const free = doc?.lease.owner === null && doc.lease.fence === claim.fence;
    return free && doc.state === to.state && doc.dueAt?.getTime() === to.dueAt?.getTime();
  });
}
