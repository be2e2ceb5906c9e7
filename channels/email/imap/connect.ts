import { ImapFlow } from 'imapflow';
import type { ImapConfig } from '../config.ts';
import type { ImapTiming } from './timing.ts';

/** A whole mail of a server that ignores partial fetches must still fit; above it the connection ends. */
const LITERAL_MAX_BYTES = 256 * 1024 * 1024;

/**
 * Logs in. The client never idles by itself: the poller says when. Rejects with imapflow's errors, see `readFailure`.
 */
export async function connectImap(
  imap: ImapConfig,
  accessToken: string | undefined,
  timing: ImapTiming,
  signal: AbortSignal,
): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: imap.host,
    port: imap.port,
    secure: imap.secure,
    ...(imap.tls ? { tls: imap.tls } : {}),
    auth: accessToken ? { user: imap.user, accessToken } : { user: imap.user, pass: imap.pass },
    disableAutoIdle: true,
    logger: false,
    connectionTimeout: timing.connectTimeoutMs,
    greetingTimeout: timing.connectTimeoutMs,
    socketTimeout: timing.socketTimeoutMs,
    maxLiteralSize: LITERAL_MAX_BYTES,
    maxResponseSize: LITERAL_MAX_BYTES * 2,
    clientInfo: { name: 'Earshot' },
  });
  // Every failure also rejects the command that met it; without a listener it would end the process.
  client.on('error', () => {});
  const close = () => client.close();
  signal.addEventListener('abort', close, { once: true });
  client.on('close', () => signal.removeEventListener('abort', close));
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}
