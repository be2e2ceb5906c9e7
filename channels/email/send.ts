import type { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import {
  type ChannelDeps,
  ChannelError,
  type ExternalId,
  type HealthReport,
  type OutboundMessage,
  type SendResult,
} from '../../src/contract/index.ts';
import { type ComposedMail, composeMail } from './compose.ts';
import type { EmailConfig, SmtpConfig } from './config.ts';
import { codeOfReply, describeSmtpError, type SendPhase, type SmtpFailure } from './errors.ts';
import { createAccessTokens } from './oauth.ts';

const CONNECTIONS_MAX = 4;
const MAILS_PER_CONNECTION = 100;
const CONNECT_TIMEOUT_MS = 30_000;
/** A server may think about a mail for ten minutes (RFC 5321, section 4.5.3.2.6); we wait for half. */
const SOCKET_TIMEOUT_MS = 5 * 60_000;
/** What a pooled connection that the server had closed while it was idle looks like; nothing was sent on it. */
const STALE_TRIES = 2;
/** These concern every mail of the inbox, so the operator must know. */
const OPERATOR_CODES = [
  'credentials_rejected',
  'permission_denied',
  'sender_misconfigured',
  'bad_configuration',
];

/** Where a mail stands while it is sent: `stream` is what the connection reads. */
interface Progress {
  stream?: Readable;
}

export interface Sender {
  send(message: OutboundMessage, signal: AbortSignal): Promise<SendResult>;
  /** Connects and logs in. Throws ChannelError. */
  verify(signal: AbortSignal): Promise<void>;
  close(): void;
}

export function createSender(
  config: EmailConfig & { smtp: SmtpConfig },
  deps: Pick<ChannelDeps, 'now' | 'fetch'>,
  health: HealthReport,
): Sender {
  const transport = createPool(config, deps);
  const progressOf = trackProgress(transport);
  return {
    async send(message, signal) {
      try {
        const result = await sendOnce(message, signal);
        health.ok();
        return result;
      } catch (error) {
        if (error instanceof ChannelError && OPERATOR_CODES.includes(error.code))
          health.failing(error.code, error.message);
        throw error;
      }
    },
    async verify(signal) {
      signal.throwIfAborted();
      try {
        await transport.verify();
      } catch (error) {
        throw describeSmtpError(error as SmtpFailure, 'before-end');
      }
    },
    close: () => transport.close(),
  };

  async function sendOnce(message: OutboundMessage, signal: AbortSignal): Promise<SendResult> {
    for (let tries = 1; ; tries++) {
      // Composed anew for each try: an attachment's stream can be read once.
      const mail = composeMail(message, config, deps.now());
      const progress = progressOf(mail);
      try {
        const info = await transport.sendMail({ ...mail.options, signal });
        return resultOf(message, mail, info);
      } catch (error) {
        const failure = error as SmtpFailure;
        const phase: SendPhase = progress.stream?.readableEnded ? 'after-end' : 'before-end';
        const stale = failure.code === 'ECONNECTION' && !failure.command && phase === 'before-end';
        if (stale && tries < STALE_TRIES && !signal.aborted) continue;
        throw describeSmtpError(failure, phase);
      }
    }
  }
}

type Pool = ReturnType<typeof createPool>;

function createPool(
  { smtp, dkim }: EmailConfig & { smtp: SmtpConfig },
  deps: Pick<ChannelDeps, 'now' | 'fetch'>,
) {
  const { user, pass, oauth } = smtp;
  const transport = createTransport({
    pool: true,
    maxConnections: CONNECTIONS_MAX,
    maxMessages: MAILS_PER_CONNECTION,
    // The pool would send the same streams again, half read. `send` makes new ones.
    maxRequeues: 0,
    host: smtp.host,
    port: smtp.port,
    secure: smtp.secure,
    ...(smtp.tls ? { tls: smtp.tls } : {}),
    ...(user && oauth ? { auth: { type: 'OAuth2', user } } : {}),
    ...(user && pass ? { auth: { user, pass } } : {}),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    dnsTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(dkim
      ? { dkim: { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.privateKey } }
      : {}),
  });
  // Each failure also rejects the mail that met it; without a listener it would end the process.
  transport.on('error', () => {});
  if (oauth) {
    const tokens = createAccessTokens(oauth, deps.fetch, deps.now);
    transport.set('oauth2_provision_cb', (_user: string, renew: boolean, done: ProvideToken) => {
      if (renew) tokens.forget();
      tokens.get(AbortSignal.timeout(CONNECT_TIMEOUT_MS)).then(
        (token) => done(null, token),
        (error) => done(error),
      );
    });
  }
  return transport;
}

type ProvideToken = (error: Error | null, token?: string) => void;

/**
 * Whether a cut mail may have arrived depends on its last byte having left. nodemailer's errors do not say so (a
 * loss amid DATA is told as `command: 'CONN'`), but the stream that the connection reads from does.
 */
function trackProgress(transport: Pool): (mail: ComposedMail) => Progress {
  const known = new WeakMap<object, Progress>();
  transport.use('stream', (mail, done) => {
    const progress = known.get(mail.data.envelope as object);
    const create = mail.message.createReadStream.bind(mail.message);
    mail.message.createReadStream = (options) => {
      const stream = create(options);
      if (progress) progress.stream = stream;
      return stream;
    };
    done();
  });
  return ({ options }) => {
    const progress: Progress = {};
    known.set(options.envelope, progress);
    return progress;
  };
}

interface SentInfo {
  response?: string;
  rejectedErrors?: (SmtpFailure & { recipient?: string })[];
}

function resultOf(message: OutboundMessage, mail: ComposedMail, info: SentInfo): SendResult {
  const rejected = (info.rejectedErrors ?? []).flatMap((failure) => {
    const recipient = [...message.to, ...message.cc].find((each) => each.value === failure.recipient);
    if (!recipient) return [];
    const { disposition, message: reason } = describeSmtpError(failure, 'before-end');
    const code = codeOfReply(failure);
    return [{ recipient, ...(code ? { code } : {}), permanent: disposition === 'permanent', reason }];
  });
  return {
    externalId: mail.messageId as ExternalId,
    status: 'accepted',
    ...(rejected.length ? { rejected } : {}),
    ...(info.response ? { detail: info.response } : {}),
  };
}
