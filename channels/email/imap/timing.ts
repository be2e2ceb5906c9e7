/** Every wait of the mailbox poller, in milliseconds. Tests hand in shorter ones. */
export interface ImapTiming {
  /** Beside IDLE, and for all folders but the first. */
  pollMs: number;
  connectTimeoutMs: number;
  /** Silence of the server while an answer is due. */
  socketTimeoutMs: number;
  /** First and longest wait before connecting again. */
  reconnectMs: number;
  reconnectMaxMs: number;
  /** A connection that lived this long makes the next wait the first again; a shorter one does not. */
  stableAfterMs: number;
  /** First and longest wait after a refused login: servers lock accounts that are hammered. */
  refusedMs: number;
  refusedMaxMs: number;
  /** First and longest wait before a mail that could not be read is tried again. */
  retryMailMs: number;
  retryMailMaxMs: number;
}

export const IMAP_TIMING: Readonly<ImapTiming> = Object.freeze({
  pollMs: 30_000,
  connectTimeoutMs: 30_000,
  socketTimeoutMs: 60_000,
  reconnectMs: 1_000,
  reconnectMaxMs: 60_000,
  stableAfterMs: 60_000,
  refusedMs: 60_000,
  refusedMaxMs: 15 * 60_000,
  retryMailMs: 10 * 60_000,
  retryMailMaxMs: 24 * 60 * 60_000,
});
