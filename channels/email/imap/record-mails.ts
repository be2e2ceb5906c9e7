import type { ImapFlow } from 'imapflow';
import type { Arrival, RecordArrival } from '../../../src/contract/index.ts';
import type { EmailConfig } from '../config.ts';
import { isRefusal, isStoreFailure } from './failure.ts';
import { Lane } from './lane.ts';
import { sequenceSet } from './range.ts';

/** Records that may run at once: enough for one bulk write of the store to take many. */
const CONCURRENT_COUNT = 64;
const CONCURRENT_BYTES = 16 * 1024 * 1024;
/** A large mail is asked for in pieces of this size. */
const CHUNK_BYTES = 1024 * 1024;

/** A mail of the folder, before its bytes are fetched. */
export interface Listed {
  uid: number;
  size: number;
  /** INTERNALDATE: when the server took it in. */
  receivedAt: Date | undefined;
}

export interface Take {
  client: ImapFlow;
  config: EmailConfig;
  record: RecordArrival;
  signal: AbortSignal;
  folder: string;
  uidValidity: string;
}

/** Why mails were not recorded, by UID. A mail that the server no longer has is no failure. */
export type Failures = Map<number, unknown>;

/**
 * Fetches small mails in one streamed command and records them side by side. Every UID whose bytes came is added
 * to `seen`. Rejects with StoreUnavailable and with a lost connection, never for one mail alone.
 */
export async function recordSmall(take: Take, mails: Listed[], seen: Set<number>): Promise<Failures> {
  const failures: Failures = new Map();
  try {
    await fetchAndRecord(take, mails, seen, failures);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // The server stopped at a mail that it cannot read itself: the rest one by one, so that only that one fails.
    for (const mail of mails.filter((each) => !seen.has(each.uid))) {
      try {
        await fetchAndRecord(take, [mail], seen, failures);
      } catch (single) {
        if (!isRefusal(single)) throw single;
        failures.set(mail.uid, single);
      }
    }
  }
  return failures;
}

async function fetchAndRecord(
  take: Take,
  mails: Listed[],
  seen: Set<number>,
  failures: Failures,
): Promise<void> {
  const lane = new Lane(CONCURRENT_COUNT, CONCURRENT_BYTES);
  const dates = new Map(mails.map((mail) => [mail.uid, mail.receivedAt]));
  let storeFailure: unknown;
  try {
    const range = sequenceSet(mails.map((mail) => mail.uid));
    // No command may be sent inside this loop: it would wait for the FETCH, which waits for the loop.
    for await (const row of take.client.fetch(range, { uid: true, source: true }, { uid: true })) {
      take.signal.throwIfAborted();
      if (storeFailure) break;
      const { uid, source } = row;
      // Rows for other mails, or without the bytes, are news of flags that came in between.
      if (!source || !dates.has(uid) || seen.has(uid)) continue;
      seen.add(uid);
      await lane.add(
        source.length,
        () => take.record(arrivalOf(take, uid, dates.get(uid), source)),
        (error) => {
          if (error === undefined) return;
          if (isStoreFailure(error)) storeFailure ??= error;
          else failures.set(uid, error);
        },
      );
    }
  } finally {
    // What has been handed over is waited for in any case: nobody may record after the source has settled.
    await lane.drain();
  }
  if (storeFailure) throw storeFailure;
}

/** Streams one mail, of whatever size. */
export async function recordLarge(take: Take, mail: Listed, seen: Set<number>): Promise<Failures> {
  const failures: Failures = new Map();
  try {
    const { content } = await take.client.download(String(mail.uid), undefined, {
      uid: true,
      chunkSize: CHUNK_BYTES,
    });
    if (!content) return failures;
    try {
      await take.record(arrivalOf(take, mail.uid, mail.receivedAt, content));
      seen.add(mail.uid);
    } finally {
      content.destroy();
    }
  } catch (error) {
    // Of a connection that is gone, the error of the record is only an echo.
    if (isStoreFailure(error) || !take.client.usable || take.signal.aborted) throw error;
    failures.set(mail.uid, error);
  }
  return failures;
}

function arrivalOf(take: Take, uid: number, receivedAt: Date | undefined, body: Arrival['body']): Arrival {
  return {
    envelope: {
      via: 'imap',
      to: [take.config.address],
      folder: take.folder,
      uidValidity: take.uidValidity,
      uid,
    },
    body,
    key: { bodyWith: '' },
    ...(receivedAt ? { receivedAt } : {}),
  };
}
