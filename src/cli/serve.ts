import type { Env } from '../../config/env.ts';
import type { Services } from '../embedded/index.ts';
import type { Log } from '../lib/log.ts';
import { type Earshot, type Role, startEarshot } from '../main.ts';
import { removeServerFile, writeServerFile } from './server-file.ts';
import { type AskedToEnd, listenForSignals } from './signals.ts';

export interface ServeOptions {
  env: Env;
  roles: readonly Role[];
  log: Log;
  /** Open already, and closed by whoever opened them. */
  services?: Services;
  /** Signals are listened to already. */
  asked?: AskedToEnd;
  /** Called once it listens, with where; what it rejects with ends the server. The signal says that it ends. */
  ready?: (url: string, signal: AbortSignal) => Promise<void>;
}

/**
 * Runs Earshot until a signal asks it to end, and resolves when everything is closed. A second signal ends it at
 * once: whatever was under way is taken up again from MongoDB by the next start.
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { env, roles, log, services, ready, asked = listenForSignals(log) } = options;
  endOnEscapedErrors(log);
  const { signal } = asked;
  let earshot: Earshot;
  try {
    earshot = await startEarshot({ env, roles, log, signal, ...(services ? { services } : {}) });
  } catch (error) {
    if (!signal.aborted) throw error;
    log.info({}, 'Earshot has ended before it had started');
    return;
  }
  try {
    if (earshot.url) {
      const local = localUrl(earshot.url, env.host);
      announce(env, local, log);
      log.info({ url: local, publicUrl: env.publicUrl, roles }, `Earshot listens on ${local}`);
      await ready?.(local, signal);
    } else log.info({ roles }, `Earshot runs (${roles.join(', ')})`);
    await asked.stop;
    log.info({}, 'Earshot is ending: it finishes what runs');
  } finally {
    removeServerFile(env.dataDir, process.pid);
    await earshot.close();
    log.info({}, 'Earshot has ended');
  }
}

/** Only commands on this machine read it: a folder that may not be written (a container's) stops nobody. */
function announce({ dataDir, host, publicUrl }: Env, url: string, log: Log): void {
  try {
    writeServerFile(dataDir, { pid: process.pid, url, host, publicUrl });
  } catch (err) {
    log.warn({ err }, `${dataDir} cannot be written: "earshot trigger" will not find this server`);
  }
}

/** An error that nobody caught leaves the process in a state that nobody knows; a fresh start is the cure. */
function endOnEscapedErrors(log: Log): void {
  const end = (what: string) => (error: unknown) => {
    log.fatal({ err: error }, what);
    process.exit(1);
  };
  process.on('uncaughtException', end('an error escaped'));
  process.on('unhandledRejection', end('a rejection escaped'));
}

/** "All addresses" is no address to call. */
function localUrl(url: string, host: string): string {
  const local = new URL(url);
  if (host === '0.0.0.0') local.hostname = '127.0.0.1';
  if (host === '::') local.hostname = '[::1]';
  return local.origin;
}
