import type mongoose from 'mongoose';
import { MESSAGES, type MessageDoc } from '../src/conversations/model.ts';
import type { OpenInbox } from '../src/inboxes/index.ts';
import { RAW_INBOUND, type RawDoc } from '../src/intake/model.ts';
import { openRaw } from '../src/intake/open-raw.ts';
import { FAST } from '../src/store/connect.ts';
import type { WorkerDeps } from './deps.ts';
import type { Draft } from './inbound/draft.ts';

const AT_ONCE = 4;
/** More than this wait: the newest go without a verdict, since it must never cost the intake. */
const WAITING_MAX = 500;
const TIMEOUT_MS = 10_000;

/** Ids only: the bytes are read anew when it is their turn. */
interface Check {
  inbox: OpenInbox;
  raw: mongoose.Types.ObjectId;
  message: mongoose.Types.ObjectId;
}

export interface Authenticator {
  /** Has the sender of this message checked beside the path; the verdict is stored with it when it comes. */
  check(draft: Draft): void;
  close(): Promise<void>;
}

export function startAuthenticator(deps: WorkerDeps): Authenticator {
  const waiting: Check[] = [];
  const running = new Set<Promise<void>>();
  const closing = new AbortController();

  const pump = () => {
    while (waiting.length > 0 && running.size < AT_ONCE && !closing.signal.aborted) {
      const job = checkOne(deps, waiting.shift()!, closing.signal).finally(() => {
        running.delete(job);
        pump();
      });
      running.add(job);
    }
  };

  return {
    check({ delivery: { inbox, claim }, id }) {
      if (!inbox.channel.authenticate || waiting.length >= WAITING_MAX) return;
      waiting.push({ inbox, raw: claim.doc._id, message: id });
      pump();
    },
    async close() {
      closing.abort();
      await Promise.allSettled(running);
    },
  };
}

async function checkOne(
  deps: WorkerDeps,
  { inbox, raw, message }: Check,
  closing: AbortSignal,
): Promise<void> {
  try {
    const doc = await deps.store.collection<RawDoc>(RAW_INBOUND).findOne({ _id: raw });
    if (!doc) return;
    const signal = AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]);
    const authentication = await inbox.channel.authenticate!(openRaw(doc, deps), signal);
    await deps.store
      .collection<MessageDoc>(MESSAGES)
      .updateOne({ _id: message }, { $set: { authentication } }, FAST);
  } catch (err) {
    deps.log.debug(
      { err, message: message.toHexString() },
      'the sender could not be checked; the message stands without a verdict',
    );
  }
}
