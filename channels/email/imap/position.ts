import type { Cursor } from '../../../src/contract/index.ts';

/** How far a folder is recorded. Everything at or below `lastUid` is durable, save what `failed` names. */
export interface FolderPosition {
  /** A UID means nothing under another UIDVALIDITY (RFC 9051, section 2.3.1.1). */
  uidValidity: string;
  lastUid: number;
  /** Mails that could not be read or recorded; each is tried again by itself, less and less often. */
  failed: FailedMail[];
}

export interface FailedMail {
  uid: number;
  /** Failures so far. */
  tries: number;
  /** Milliseconds since 1970. */
  retryAt: number;
}

const nameOf = (folder: string) => `imap:${folder}`;

/**
 * The stored position, or the start of the folder when there is none for this UIDVALIDITY. A server that gives out
 * UIDs again under the same UIDVALIDITY (a restored backup) is told by its UIDNEXT, which may never go back.
 */
export async function readPosition(
  cursor: Cursor,
  folder: string,
  uidValidity: string,
  uidNext: number | undefined,
): Promise<{ position: FolderPosition; reseeded: boolean }> {
  const stored = await cursor.get<FolderPosition>(nameOf(folder));
  // 0 and absent: the server did not say.
  const wentBack = !!uidNext && stored !== undefined && uidNext <= stored.lastUid;
  if (stored?.uidValidity === uidValidity && !wentBack) return { position: stored, reseeded: false };
  return { position: { uidValidity, lastUid: 0, failed: [] }, reseeded: stored !== undefined };
}

export const writePosition = (cursor: Cursor, folder: string, position: FolderPosition): Promise<void> =>
  cursor.set(nameOf(folder), position);
