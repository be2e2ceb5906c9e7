import type { Channel, ChannelType, ProbeStep } from '../contract/index.ts';
import { INBOXES, InboxError } from '../inboxes/index.ts';
import type { InboxDoc } from '../inboxes/model.ts';
import { createGuardedFetch } from '../lib/guarded-fetch.ts';
import type { House } from '../main.ts';
import { createCursor } from '../store/cursors.ts';
import { publicUrlOf } from './settings.ts';

/** A provider that answers no sooner is as good as away. */
const PROBE_MS = 60_000;

export interface StoredInbox {
  type: ChannelType;
  /** With secrets: for the channel alone. */
  config: unknown;
  hookUrl: string;
}

/** A stored inbox with its secrets. Rejects with InboxError `inbox_not_found`, `bad_configuration`, or SealError. */
export async function loadInbox({ store, openInboxes, env }: House, id: string): Promise<StoredInbox> {
  const doc = await store.collection<InboxDoc>(INBOXES).findOne({ _id: id, removedAt: { $exists: false } });
  if (!doc) throw new InboxError('inbox_not_found', `There is no inbox "${id}".`);
  const { type, config } = (await openInboxes()).load(doc);
  return { type, config, hookUrl: `${publicUrlOf(env)}/hooks/${id}` };
}

/** Tries an inbox beside whatever runs: nothing of it is taken in, and its position stays. */
export async function* probeInbox(house: House, id: string): AsyncGenerator<ProbeStep> {
  const { type, config, hookUrl } = await loadInbox(house, id);
  const cursor = createCursor(house.store, id);
  const channel: Channel = type.open(config, {
    inbox: id as never,
    log: house.log,
    now: house.now,
    fetch: createGuardedFetch(),
    cursor: { ...cursor, set: async () => {}, remove: async () => {} },
    health: { ok: () => {}, failing: () => {} },
    hookUrl,
    host: house.env.host,
  });
  try {
    if (channel.probe) yield* channel.probe(AbortSignal.timeout(PROBE_MS));
    else yield { step: 'config', ok: true, detail: 'valid; this channel has nothing else to try' };
  } finally {
    await channel.close();
  }
}
