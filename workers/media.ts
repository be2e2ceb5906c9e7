import mongoose from 'mongoose';
import { ChannelError } from '../src/contract/index.ts';
import { MEDIA, type MediaDoc } from '../src/conversations/media-work.ts';
import { MESSAGES, type MessageDoc } from '../src/conversations/model.ts';
import { describeError } from '../src/lib/log.ts';
import { FAST } from '../src/store/connect.ts';
import { createWorkQueue, type Settlement, type WorkQueue } from '../src/store/work/index.ts';
import type { WorkerDeps } from './deps.ts';
import { keepLeases } from './keep-leases.ts';

const LEASE_MS = 15_000;
const CONCURRENCY = 4;
const FETCH_TIMEOUT_MS = 5 * 60_000;
/** Bigger attachments are left at the provider, with a note. In bytes. */
const MEDIA_MAX = 64 * 1024 * 1024;
const SECOND_MS = 1_000;
const BACKOFF_MS = [5, 30, 120, 600, 3_600, 14_400].map((seconds) => seconds * SECOND_MS);

export function mediaWork({ store, now }: Pick<WorkerDeps, 'store' | 'now'>): WorkQueue<MediaDoc> {
  return createWorkQueue<MediaDoc>(store.collection<MediaDoc>(MEDIA), {
    running: 'fetching',
    leaseMs: LEASE_MS,
    now,
    durableClaims: false,
    epoch: store.epoch,
  });
}

/** Fetches attachments that lie at the provider, beside the path: the ticket is there before they are. */
export function startMedia(deps: WorkerDeps): { close(): Promise<void> } {
  const work = mediaWork(deps);
  return deps.queues.consume('media', CONCURRENCY, async (id) => {
    try {
      const [claim] = await work.claim([new mongoose.Types.ObjectId(id)]);
      if (!claim) return;
      await keepLeases(deps, work, [claim], LEASE_MS, async () => {
        const to = await fetchOne(deps, claim.doc).catch((error) => afterFailure(deps, claim.doc, error));
        await work.settle([{ claim, to }]);
      });
    } catch (err) {
      deps.log.warn({ err, media: id }, 'an attachment was left to its next attempt');
    }
  });
}

async function fetchOne({ registry, blobs, store }: WorkerDeps, media: MediaDoc): Promise<Settlement> {
  const inbox = await registry.get(media.inbox);
  if (!inbox?.channel.fetchMedia)
    throw new ChannelError(
      'bad_configuration',
      'permanent',
      'The inbox that could fetch it does not exist any more.',
    );
  const bytes = await inbox.channel.fetchMedia(media.remote, AbortSignal.timeout(FETCH_TIMEOUT_MS));
  const user = `${media.message.toHexString()}:${media.index}:media`;
  const { sha256, size } = await blobs.put(bytes, { user, maxBytes: MEDIA_MAX });
  await store.collection<MessageDoc>(MESSAGES).updateOne(
    { _id: media.message },
    {
      $set: { [`attachments.${media.index}.blob`]: sha256, [`attachments.${media.index}.size`]: size },
      $unset: { [`attachments.${media.index}.error`]: '' },
    },
    FAST,
  );
  return { state: 'done' };
}

async function afterFailure(
  { store, log, now }: WorkerDeps,
  media: MediaDoc,
  thrown: unknown,
): Promise<Settlement> {
  const { code = 'internal_error', message } = describeError(thrown);
  const error = { code, message };
  const wait = BACKOFF_MS[media.attempts - 1];
  const hopeless = thrown instanceof ChannelError && thrown.disposition === 'permanent';
  log.warn(
    { err: thrown, message: media.message.toHexString(), attempt: media.attempts },
    'an attachment was not fetched',
  );
  if (!hopeless && wait !== undefined)
    return { state: 'waiting', dueAt: new Date(now().getTime() + wait), error };
  await store
    .collection<MessageDoc>(MESSAGES)
    .updateOne({ _id: media.message }, { $set: { [`attachments.${media.index}.error`]: message } }, FAST);
  return { state: 'failed', error };
}
