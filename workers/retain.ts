import mongoose from 'mongoose';
import { messageId } from '../src/conversations/message-id.ts';
import { MESSAGES } from '../src/conversations/model.ts';
import type { Edits } from '../src/intake/edit-raw.ts';
import { RAW_INBOUND, type RawDoc } from '../src/intake/model.ts';
import type { WorkerDeps } from './deps.ts';
import { type Loop, startLoop } from './loop.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CHUNK = 500;

/** Lets raw records go after their time, with the bytes that only they use; and bytes that nobody uses. */
export function startRetention(deps: WorkerDeps, rawRetentionDays: number): Loop {
  return startLoop(deps, 'retention', HOUR_MS, async (signal) => {
    const raws = deps.store.collection<RawDoc & Edits>(RAW_INBOUND);
    const before = new Date(deps.now().getTime() - rawRetentionDays * DAY_MS);
    // An id holds the time of its making, so the primary index finds the old ones. What still has work to do stays.
    const oldest = mongoose.Types.ObjectId.createFromTime(Math.floor(before.getTime() / 1000));
    for (;;) {
      const old = await raws
        .find(
          { _id: { $lt: oldest }, dueAt: { $exists: false } },
          { projection: { blob: 1, 'original.blob': 1 } },
        )
        .limit(CHUNK)
        .toArray();
      if (old.length === 0 || signal.aborted) break;
      for (const { _id, blob, original } of old)
        if (blob ?? original?.blob) await deps.blobs.release(_id.toHexString());
      // One that was set going again since that look stays; its next attempt says what it lacks.
      await raws.deleteMany({ _id: { $in: old.map(({ _id }) => _id) }, dueAt: { $exists: false } });
    }
    await deps.blobs.sweepOrphans(new Date(deps.now().getTime() - HOUR_MS), (users) => alive(deps, users));
  });
}

/** Which of these users of bytes exist: raw records, and messages by the names their flows have given them. */
async function alive({ store }: WorkerDeps, users: string[]): Promise<Set<string>> {
  const owners = new Map(users.map((user) => [user, ownerOf(user)]));
  const exist = async (collection: string) => {
    const ids = [...owners.values()].flatMap((owner) => (owner?.collection === collection ? owner.id : []));
    if (ids.length === 0) return [];
    const docs = await store.db
      .collection(collection)
      .find({ _id: { $in: ids } }, { projection: { _id: 1 } })
      .toArray();
    return docs.map((doc) => `${collection} ${doc._id}`);
  };
  const found = new Set((await Promise.all([exist(RAW_INBOUND), exist(MESSAGES)])).flat());
  // A name that no flow of this version gives belongs to a newer one: it is none of ours to judge.
  return new Set(
    users.filter((user) => {
      const owner = owners.get(user);
      return !owner || found.has(`${owner.collection} ${owner.id}`);
    }),
  );
}

const RAW_USER = /^([a-f0-9]{24})$/;
const PARTS_USER = /^([a-f0-9]{24}):(\d+):parts$/;
const MESSAGE_USER = /^([a-f0-9]{24}):\d+:(?:media|reply)$/;

function ownerOf(user: string): { collection: string; id: mongoose.Types.ObjectId } | undefined {
  const raw = RAW_USER.exec(user);
  if (raw) return { collection: RAW_INBOUND, id: new mongoose.Types.ObjectId(raw[1]) };
  const parts = PARTS_USER.exec(user);
  if (parts)
    return { collection: MESSAGES, id: messageId(new mongoose.Types.ObjectId(parts[1]), Number(parts[2])) };
  const message = MESSAGE_USER.exec(user);
  if (message) return { collection: MESSAGES, id: new mongoose.Types.ObjectId(message[1]) };
  return undefined;
}
