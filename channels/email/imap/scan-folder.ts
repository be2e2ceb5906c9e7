import type { FetchMessageObject, ImapFlow } from 'imapflow';
import type { ChannelDeps, RecordArrival } from '../../../src/contract/index.ts';
import type { EmailConfig, ImapConfig } from '../config.ts';
import { readFailure } from './failure.ts';
import type { Losses } from './losses.ts';
import { type FolderPosition, readPosition, writePosition } from './position.ts';
import { sequenceSet } from './range.ts';
import { type Failures, type Listed, recordLarge, recordSmall, type Take } from './record-mails.ts';
import type { ImapTiming } from './timing.ts';

/** Larger mails are streamed, one at a time. */
const SMALL_MAX_BYTES = 1024 * 1024;
/** Sizes are asked for so many mails at once: a mailbox of a million must not lie in memory. */
const LIST_WINDOW = 2_000;
/** One FETCH, one move of the cursor. */
const BATCH_COUNT = 500;
const BATCH_BYTES = 16 * 1024 * 1024;
/** More unreadable mails than this are no bad mails but a bad server. */
const FAILED_MAX = 1_000;

export interface ScanContext {
  client: ImapFlow;
  config: EmailConfig & { imap: ImapConfig };
  deps: ChannelDeps;
  record: RecordArrival;
  signal: AbortSignal;
  timing: ImapTiming;
  /** Outlives connections. */
  losses: Losses;
}

/**
 * Records everything of the folder that the cursor has not passed, oldest first, and moves the cursor batch by
 * batch, only past what is durable. Rejects with StoreUnavailable (the cursor stands still) and with the
 * connection's errors; a mail that alone cannot be read is noted in the position and tried again later.
 * Resolves with the number of mails recorded and of those put aside.
 */
export async function scanFolder(
  context: ScanContext,
  folder: string,
): Promise<{ recorded: number; failed: number }> {
  const { client, config, deps, signal } = context;
  // A fresh EXAMINE each time: what the client remembers of a mailbox (`exists`) may be stale.
  const opened = await client.mailboxOpen(folder, { readOnly: !config.imap.markSeen });
  const uidValidity = String(opened.uidValidity);
  const { position, reseeded } = await readPosition(deps.cursor, folder, uidValidity, opened.uidNext);
  if (reseeded)
    deps.log.warn(
      { folder, uidValidity },
      'the server numbered the folder anew; it is read again from the start',
    );
  const box = boxOf(folder, position);
  const single = (uid: number) => context.losses.single(box, uid);
  const uids = await newUids(client, position.lastUid, config.imap.since);
  let recorded = 0;
  for (let at = 0; at < uids.length; at += LIST_WINDOW) {
    const window = uids.slice(at, at + LIST_WINDOW);
    for (const batch of batches(await list(client, window), single)) {
      signal.throwIfAborted();
      recorded += await takeBatch(context, folder, position, batch);
    }
    // A large mailbox takes longer to read than a silent one may stay silent.
    if (uids.length > LIST_WINDOW)
      deps.health.ok(`reading ${folder}: ${at + window.length} of ${uids.length}`);
    // Mails that vanished between the two commands leave no row, so the end of the window is set apart.
    await advance(context, folder, position, window.at(-1)!);
  }
  recorded += await retryFailed(context, folder, position);
  return { recorded, failed: position.failed.length };
}

/** UIDs above `lastUid`, ascending. `n:*` always matches the newest mail (RFC 9051, section 9), hence the filter. */
async function newUids(client: ImapFlow, lastUid: number, since: string | undefined): Promise<number[]> {
  const found = await client.search(
    { uid: `${lastUid + 1}:*`, ...(since ? { since: new Date(since) } : {}) },
    { uid: true },
  );
  // Anything but a list is no answer: it must not be read as "no new mail".
  if (!Array.isArray(found)) throw new Error('the server gave no answer to SEARCH');
  return found.filter((uid) => uid > lastUid).sort((a, b) => a - b);
}

async function list(client: ImapFlow, uids: number[]): Promise<Listed[]> {
  const rows: Listed[] = [];
  const wanted = new Set(uids);
  const query = { uid: true, size: true, internalDate: true };
  for await (const row of client.fetch(sequenceSet(uids), query, { uid: true })) {
    if (!wanted.delete(row.uid)) continue;
    rows.push({ uid: row.uid, size: row.size ?? 0, receivedAt: dateOf(row) });
  }
  return rows.sort((a, b) => a.uid - b.uid);
}

/** Cuts into runs that one FETCH may hold; a large mail stands alone, and so does one that must be `single`. */
function* batches(mails: Listed[], single: (uid: number) => boolean): Generator<Listed[]> {
  let batch: Listed[] = [];
  let bytes = 0;
  for (const mail of mails) {
    const alone = mail.size > SMALL_MAX_BYTES || single(mail.uid);
    if (batch.length && (alone || batch.length >= BATCH_COUNT || bytes + mail.size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(mail);
    bytes += mail.size;
    if (!alone) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length) yield batch;
}

const boxOf = (folder: string, { uidValidity }: FolderPosition): string => `${folder}:${uidValidity}`;

async function takeBatch(
  context: ScanContext,
  folder: string,
  position: FolderPosition,
  batch: Listed[],
): Promise<number> {
  const { config, client, deps, losses, signal } = context;
  const box = boxOf(folder, position);
  const last = batch.at(-1)!.uid;
  const mails = batch.filter((mail) => !losses.exhausted(box, mail.uid));
  const take = { ...context, folder, uidValidity: position.uidValidity };
  const seen = new Set<number>();
  try {
    const failures = await recordBatch(take, mails, seen);
    for (const mail of batch)
      if (!mails.includes(mail))
        failures.set(mail.uid, new Error('the connection ended each time it was read'));
    putAside(context, folder, position, failures);
    await advance(context, folder, position, last);
    losses.passed(box, last);
    const done = mails.filter((mail) => !failures.has(mail.uid)).map((mail) => mail.uid);
    if (config.imap.markSeen && done.length)
      await client.messageFlagsAdd(sequenceSet(done), ['\\Seen'], { uid: true });
    return done.length;
  } catch (error) {
    const due = mails.some((mail) => !seen.has(mail.uid));
    if (due && readFailure(error).kind === 'connection' && !signal.aborted) {
      losses.note(box, batch[0]!.uid, last);
      deps.log.warn({ folder, from: batch[0]!.uid, to: last }, 'the connection ended amid these mails');
    }
    throw error;
  }
}

async function recordBatch(take: Take, mails: Listed[], seen: Set<number>): Promise<Failures> {
  const [only] = mails;
  if (!only) return new Map();
  return mails.length === 1 && only.size > SMALL_MAX_BYTES
    ? await recordLarge(take, only, seen)
    : await recordSmall(take, mails, seen);
}

function putAside(
  { deps, timing }: ScanContext,
  folder: string,
  position: FolderPosition,
  failures: Failures,
): void {
  for (const [uid, error] of failures) {
    deps.log.error(
      { folder, uid, err: error },
      'a mail could not be read; the others go on, it is tried again',
    );
    position.failed.push({ uid, tries: 1, retryAt: deps.now().getTime() + timing.retryMailMs });
  }
  if (position.failed.length > FAILED_MAX)
    throw new Error(`more than ${FAILED_MAX} mails of the folder cannot be read`);
}

/** Last, since the mail may end the connection once more. */
async function retryFailed(context: ScanContext, folder: string, position: FolderPosition): Promise<number> {
  const { client, deps, timing } = context;
  const now = deps.now().getTime();
  let recorded = 0;
  for (const entry of position.failed.filter((each) => each.retryAt <= now)) {
    // Before the try: a mail that ends the connection must not be first in line again.
    entry.retryAt = now + Math.min(timing.retryMailMs * 2 ** entry.tries++, timing.retryMailMaxMs);
    await writePosition(deps.cursor, folder, position);
    const [mail] = await list(client, [entry.uid]);
    const take = { ...context, folder, uidValidity: position.uidValidity };
    const failures = mail ? await recordLarge(take, mail, new Set()) : new Map<number, unknown>();
    if (failures.size) continue;
    position.failed = position.failed.filter((each) => each !== entry);
    await writePosition(deps.cursor, folder, position);
    if (mail) recorded++;
  }
  return recorded;
}

async function advance(
  { deps }: ScanContext,
  folder: string,
  position: FolderPosition,
  uid: number,
): Promise<void> {
  if (uid <= position.lastUid) return;
  position.lastUid = uid;
  await writePosition(deps.cursor, folder, position);
}

function dateOf(row: FetchMessageObject): Date | undefined {
  const date = row.internalDate === undefined ? undefined : new Date(row.internalDate);
  return date && !Number.isNaN(date.getTime()) ? date : undefined;
}
