import type { ImapFlow } from 'imapflow';
import type { ChannelDeps, Source } from '../../../src/contract/index.ts';
import type { EmailConfig, ImapConfig } from '../config.ts';
import { type AccessTokens, createAccessTokens } from '../oauth.ts';
import { Backoff, pause } from './backoff.ts';
import { connectImap } from './connect.ts';
import { type ImapFailure, readFailure } from './failure.ts';
import { Losses } from './losses.ts';
import { type ScanContext, scanFolder } from './scan-folder.ts';
import { IMAP_TIMING, type ImapTiming } from './timing.ts';

const SILENT_AFTER_MS = 5 * 60_000;
const STORE_RETRY_MS = 1_000;
const STORE_RETRY_MAX_MS = 30_000;

type Session = Omit<ScanContext, 'client'> & { tokens: AccessTokens | undefined };

/** Polls one mailbox, with IDLE on its first folder. Exclusive: two pollers would only do the work twice. */
export function createImapSource(
  config: EmailConfig & { imap: ImapConfig },
  deps: ChannelDeps,
  timing: ImapTiming = IMAP_TIMING,
): Source {
  const { oauth } = config.imap;
  const tokens = oauth ? createAccessTokens(oauth, deps.fetch, deps.now) : undefined;
  return {
    exclusive: true,
    silentAfterMs: SILENT_AFTER_MS,
    run: (record, signal) =>
      keepConnected({ config, deps, record, signal, timing, losses: new Losses(), tokens }),
  };
}

/** Connects again and again until the signal aborts; never rejects for what the server or the network does. */
async function keepConnected(session: Session): Promise<void> {
  const { config, deps, signal, timing } = session;
  const reconnect = new Backoff(timing.reconnectMs, timing.reconnectMaxMs);
  const refused = new Backoff(timing.refusedMs, timing.refusedMaxMs);
  while (!signal.aborted) {
    let connectedAt: number | undefined;
    let client: ImapFlow | undefined;
    try {
      const token = await session.tokens?.get(signal);
      client = await connectImap(config.imap, token, timing, signal);
      connectedAt = performance.now();
      refused.reset();
      deps.log.info({ host: config.imap.host, user: config.imap.user }, 'connected to the mailbox');
      await watch({ ...session, client });
    } catch (error) {
      if (signal.aborted) break;
      const failure = readFailure(error);
      deps.log.warn({ code: failure.code, err: error }, 'the mailbox connection ended');
      if (failure.kind === 'refused') session.tokens?.forget();
      // A connection that has lived and then broke is first opened again; everything else is told.
      if (connectedAt !== undefined && performance.now() - connectedAt >= timing.stableAfterMs)
        reconnect.reset();
      else deps.health.failing(failure.code, failure.message);
      await pause(failure.kind === 'refused' ? refused.next() : reconnect.next(), signal);
    } finally {
      client?.close();
    }
  }
}

/** Scans all folders, then waits for the first one to change or for the next poll. Rejects once the connection is lost. */
async function watch(context: ScanContext): Promise<void> {
  const { client, config, deps, signal, timing } = context;
  const [first, ...others] = config.imap.folders as [string, ...string[]];
  const store = new Backoff(STORE_RETRY_MS, STORE_RETRY_MAX_MS);
  const news = watchForNews(client, signal);
  const problems: Problems = new Map();
  let pollAt = 0;
  while (!signal.aborted) {
    const full = performance.now() >= pollAt;
    news.clear();
    try {
      // The first folder last: it stays selected, so that IDLE tells of it.
      await scanAll(context, full ? [...others, first] : [first], problems);
      store.reset();
      if (full) pollAt = performance.now() + timing.pollMs;
      // It ends with the next command, and with the connection, of which `close` tells.
      if (!problems.has(first)) client.idle().catch(() => {});
    } catch (error) {
      const failure = readFailure(error);
      if (failure.kind !== 'store') throw error;
      deps.health.failing(failure.code, failure.message);
      await pause(store.next(), signal);
      if (client.usable) continue;
    }
    await news.wait(pollAt - performance.now());
    if (!client.usable && !signal.aborted) throw new Error('the connection was closed');
  }
}

/** Folders that cannot be read at the moment, and why. */
type Problems = Map<string, ImapFailure>;

/** Each folder by itself: one that is missing or refused leaves the others alone. */
async function scanAll(context: ScanContext, folders: string[], problems: Problems): Promise<void> {
  const { deps, signal } = context;
  let asideCount = 0;
  for (const folder of folders) {
    try {
      const { recorded, failed } = await scanFolder(context, folder);
      asideCount += failed;
      problems.delete(folder);
      if (recorded) deps.log.info({ folder, recorded }, 'mail recorded');
    } catch (error) {
      signal.throwIfAborted();
      const failure = readFailure(error);
      if (failure.kind !== 'folder') throw error;
      problems.set(folder, failure);
    }
  }
  const [problem] = problems;
  if (problem) deps.health.failing(problem[1].code, `${problem[0]}: ${problem[1].message}`);
  else deps.health.ok(asideCount ? `${asideCount} mails could not be read and are tried again` : undefined);
}

/**
 * Resolves `wait` when mail is announced in the folder that is selected, when the connection ends, the signal
 * aborts or the time is over.
 */
function watchForNews(client: ImapFlow, signal: AbortSignal) {
  const changed = new Set<string>();
  let wake: (() => void) | undefined;
  const selectedChanged = () => client.mailbox !== false && changed.has(client.mailbox.path);
  const over = () => signal.aborted || !client.usable;
  const end = () => wake?.();
  client.on('exists', ({ path }: { path: string }) => {
    changed.add(path);
    if (selectedChanged()) wake?.();
  });
  client.on('close', () => {
    signal.removeEventListener('abort', end);
    end();
  });
  signal.addEventListener('abort', end, { once: true });
  return {
    clear: () => changed.clear(),
    async wait(ms: number) {
      if (ms <= 0 || selectedChanged() || over()) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        wake = resolve;
        // A timer may fire a fraction early; the poll must be due when it does.
        timer = setTimeout(resolve, Math.ceil(ms) + 1);
      });
      clearTimeout(timer);
      wake = undefined;
    },
  };
}
