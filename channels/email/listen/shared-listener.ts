/** One SMTP server in this process for all inboxes on the same host and port. */
import { once } from 'node:events';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import type { ChannelLog, RecordArrival } from '../../../src/contract/index.ts';
import { isOwn } from '../addresses.ts';
import type { EmailConfig } from '../config.ts';
import { Refusal, takeMail } from './take-mail.ts';

/** Announced by SIZE (RFC 1870). */
const MAIL_MAX_BYTES = 64 * 1024 * 1024;
const CLIENTS_MAX = 200;
/** At least 100 (RFC 5321, section 4.5.3.1.8). */
const RECIPIENTS_MAX = 200;
const IDLE_TIMEOUT_MS = 120_000;
/** Mails under way may finish so long once the listener ends. */
const CLOSE_TIMEOUT_MS = 5_000;

/** An inbox that takes part in a listener. */
export interface Member {
  config: EmailConfig;
  record: RecordArrival;
  log: ChannelLog;
}

export interface Listening {
  port: number;
  alive(): boolean;
  /** Resolves when the server has ended by itself. */
  ended: Promise<void>;
  /** Takes no more mail for this inbox; the last one ends the server. */
  leave(): Promise<void>;
}

interface Shared {
  members: Set<Member>;
  server: SMTPServer;
  /** Ids of the sessions that are amid a mail. */
  receiving: Set<string>;
  port: number;
  alive: boolean;
  ended: Promise<void>;
}

/** Keyed by host and port. A promise, so that inboxes that start together wait for one bind. */
const listeners = new Map<string | symbol, Promise<Shared>>();

/** Rejects with the error of `listen` (EADDRINUSE, EACCES …). Port 0 gives each caller a listener of its own. */
export async function joinListener(host: string, port: number, member: Member): Promise<Listening> {
  const key = port === 0 ? Symbol(host) : `${host}:${port}`;
  let starting = listeners.get(key);
  if (!starting) {
    starting = startServer(host, port);
    listeners.set(key, starting);
    // Whoever fails to bind, or ends, makes room for the next try.
    starting.then(
      (shared) => void shared.ended.then(() => forget(key, starting!)),
      () => forget(key, starting!),
    );
  }
  const shared = await starting;
  shared.members.add(member);
  return {
    port: shared.port,
    alive: () => shared.alive,
    ended: shared.ended,
    async leave() {
      shared.members.delete(member);
      if (shared.members.size > 0) return;
      forget(key, starting!);
      await closeServer(shared);
    },
  };
}

/** Mails under way may finish; whoever only holds the line is told to come back later. */
async function closeServer({ server, receiving }: Shared): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(resolve));
  for (const connection of [...server.connections].filter((each) => !receiving.has(each.id))) {
    connection.send(421, '4.3.2 Going down, come back later');
    connection.close();
  }
  await closed;
}

function forget(key: string | symbol, starting: Promise<Shared>): void {
  if (listeners.get(key) === starting) listeners.delete(key);
}

async function startServer(host: string, port: number): Promise<Shared> {
  const members = new Set<Member>();
  const receiving = new Set<string>();
  const server = new SMTPServer({
    banner: 'Earshot',
    size: MAIL_MAX_BYTES,
    // A mail server delivers here, no user sends: nobody logs in, and nobody may ask which addresses exist.
    disabledCommands: ['AUTH', 'STARTTLS', 'VRFY'],
    disableReverseLookup: true,
    maxClients: CLIENTS_MAX,
    maxRecipients: RECIPIENTS_MAX,
    socketTimeout: IDLE_TIMEOUT_MS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    logger: false,
    onRcptTo({ address }, _session, done) {
      const known = [...members].some((member) => isOwn(address, member.config));
      done(known ? null : new Refusal(550, '5.1.1 No such address here'));
    },
    onData(stream, session, done) {
      receiving.add(session.id);
      takeMail(stream, destinations(members, session), session)
        .then(
          () => done(null, '2.0.0 Ok: recorded'),
          (error) => done(error),
        )
        .finally(() => receiving.delete(session.id));
    },
  });
  // A client that breaks off is no concern of the listener.
  server.on('error', () => {});
  await bind(server, host, port);
  const shared: Shared = {
    members,
    server,
    receiving,
    port: portOf(server),
    alive: true,
    ended: once(server.server, 'close').then(() => {
      shared.alive = false;
    }),
  };
  return shared;
}

function bind(server: SMTPServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(port, host, () => {
      server.server.off('error', reject);
      resolve();
    });
  });
}

function portOf(server: SMTPServer): number {
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the listener has no port');
  return address.port;
}

/** Which inbox gets the mail, and under which of its addresses. */
function destinations(members: ReadonlySet<Member>, session: SMTPServerSession) {
  const recipients = session.envelope.rcptTo.map((each) => each.address);
  return [...members]
    .map((member) => ({ member, to: recipients.filter((each) => isOwn(each, member.config)) }))
    .filter(({ to }) => to.length > 0);
}

/** What the operator reads when the port cannot be had. */
export function describeListenError(error: unknown, host: string, port: number) {
  const code = (error as { code?: string }).code;
  if (code === 'EADDRINUSE')
    return {
      code: 'port_taken',
      message: `Another program listens on ${host}:${port}. Stop it or choose another "listen.port".`,
    };
  if (code === 'EACCES')
    return {
      code: 'port_forbidden',
      message: `Port ${port} may not be opened by this user. Choose one above 1023 and let the mail server deliver there.`,
    };
  return { code: 'listen_failed', message: `Cannot listen on ${host}:${port}: ${(error as Error).message}` };
}
