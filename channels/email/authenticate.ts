import { Resolver } from 'node:dns/promises';
import { Readable } from 'node:stream';
import type { AuthenticateResult, DNSResolver } from 'mailauth';
import {
  type AuthVerdict,
  type Body,
  ChannelError,
  type MailEnvelope,
  type RawInbound,
} from '../../src/contract/index.ts';
import { headersOf, linesOf } from './read/headers.ts';
import { HEADER_BYTES_MAX, MAIL_BYTES_MAX } from './read/limits.ts';
import { readAddresses } from './read/read-addresses.ts';
import { readClaims } from './read/read-claims.ts';
import { walk } from './read/walk.ts';

const DNS_TIMEOUT_MS = 4_000;
const DNS_TRIES = 2;
/** All look-ups of one mail together. */
const TOTAL_TIMEOUT_MS = 30_000;
/** Each one costs a look-up and a check of the body; an honest mail has one to three. */
const SIGNATURES_MAX = 10;
const QUERIES_MAX = 60;
const CHUNK_BYTES = 64 * 1024;

export interface AuthenticateOptions {
  signal: AbortSignal;
  /** Instead of the system's DNS: `(name, type)` as `dns.promises.resolve` answers. */
  resolver?: DNSResolver;
  /** The authserv-id of our own border: its word on SPF, where we did not see the SMTP session. */
  trustedAuthserv?: string;
}

/**
 * What proves who sent a mail: DKIM (RFC 6376) and DMARC (RFC 9989) always, SPF (RFC 7208) where the SMTP session is
 * known. `provedDomain` is the domain of From, when DMARC passes, or when a signature of that domain over the whole
 * body does and the domain publishes no policy. Results are the words of RFC 8601. Odd mail never makes it throw; an
 * abort rejects with ChannelError `aborted`, a body that cannot be read with the error of its stream.
 */
export async function authenticate(raw: RawInbound, options: AuthenticateOptions): Promise<AuthVerdict> {
  const envelope: MailEnvelope = raw.envelope.via === 'http' ? { via: 'smtp', to: [] } : raw.envelope;
  if (raw.body.size > MAIL_BYTES_MAX) return { spf: 'none', dkim: 'none', dmarc: 'none' };
  const header = await readHeader(raw.body);
  if (header === undefined) return { spf: 'none', dkim: 'permerror', dmarc: 'permerror' };
  const claimedSpf = readClaims(header, options.trustedAuthserv, senderOf(header))?.spf;
  if (header.filter(({ key }) => key === 'dkim-signature').length > SIGNATURES_MAX)
    return { spf: claimedSpf ?? 'none', dkim: 'policy', dmarc: 'none' };

  // Loaded with the first mail that is checked: it takes a fifth of a second and some 20 MB.
  const { authenticate: check } = await import('mailauth');
  const dns = boundedResolver(options);
  const seen = envelope.remoteAddress !== undefined;
  try {
    const result = await dns.until(
      check(Readable.from(piecesOf(raw.body)), {
        resolver: dns.resolve,
        mta: 'earshot.invalid',
        disableArc: true,
        disableBimi: true,
        sender: envelope.from ?? '',
        ...(seen ? { ip: envelope.remoteAddress, helo: envelope.helo ?? '' } : {}),
      }),
    );
    return verdictOf(result, seen ? undefined : (claimedSpf ?? 'none'));
  } catch (error) {
    if (options.signal.aborted)
      throw new ChannelError('aborted', 'transient', 'Stopped before the mail was checked.', {
        cause: error,
      });
    return { spf: claimedSpf ?? 'none', dkim: 'temperror', dmarc: 'temperror' };
  } finally {
    dns.close();
  }
}

function verdictOf(result: AuthenticateResult, spf: string | undefined): AuthVerdict {
  const signatures = result.dkim.results ?? [];
  const passed = signatures.filter(({ status }) => status.result === 'pass');
  const dmarc = result.dmarc ? result.dmarc.status.result : 'none';
  const verdict: AuthVerdict = {
    spf: spf ?? (result.spf ? result.spf.status.result : 'none'),
    dkim: passed.length ? 'pass' : (signatures[0]?.status.result ?? 'none'),
    dmarc,
  };
  if (!result.dmarc) return verdict;
  const from = result.dmarc.status.header?.from;
  // A signature over a part of the body (l=) lets anyone write on below it.
  const signed = passed.some(({ status }) => status.aligned && !status.underSized);
  const sentFrom = spf === undefined && verdict.spf === 'pass' && !!result.dmarc.alignment?.spf.result;
  const proved = (dmarc === 'pass' && (signed || sentFrom)) || (dmarc === 'none' && signed);
  return proved && from ? { ...verdict, provedDomain: from.toLowerCase() } : verdict;
}

/** The header lines, where there are any that a mail may have. */
async function readHeader(body: Body): Promise<ReturnType<typeof linesOf> | undefined> {
  const found = new Error('found');
  let lines: ReturnType<typeof linesOf> | undefined;
  try {
    await walk(body, {
      begin(node) {
        lines = linesOf(node);
        throw found;
      },
      body() {},
      end() {},
    });
  } catch (error) {
    if (error !== found && (error as Error).name === 'BodyFailed') throw (error as Error).cause;
  }
  const bytes = lines?.reduce((sum, { line }) => sum + line.length, 0) ?? 0;
  return bytes > HEADER_BYTES_MAX ? undefined : lines;
}

const senderOf = (header: ReturnType<typeof linesOf>): string =>
  readAddresses(headersOf(header), 'from').addresses[0]?.value ?? '';

/** In pieces, so that hashing a big mail lets others have their turn. */
async function* piecesOf(body: Body): AsyncGenerator<Buffer> {
  for await (const chunk of body.bytes ? [body.bytes] : body.open()) {
    const bytes = chunk as Buffer;
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

/** DNS that ends with the signal or the time that a mail may take, and answers so many questions only. */
function boundedResolver({ resolver, signal }: AuthenticateOptions): {
  resolve: DNSResolver;
  until<T>(work: Promise<T>): Promise<T>;
  close(): void;
} {
  const own = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  const ended = AbortSignal.any([signal, AbortSignal.timeout(TOTAL_TIMEOUT_MS)]);
  const ask: DNSResolver = resolver ?? ((name, type) => own.resolve(name, type) as Promise<string[]>);
  let queries = 0;
  let stop: () => void = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () =>
      reject(Object.assign(new Error('The look-ups took too long, or were stopped.'), { code: 'ETIMEOUT' }));
    if (ended.aborted) stop();
    else ended.addEventListener('abort', stop, { once: true });
  });
  stopped.catch(() => {});
  return {
    resolve(name, type) {
      if (++queries > QUERIES_MAX)
        return Promise.reject(Object.assign(new Error('Too many look-ups.'), { code: 'EREFUSED' }));
      return Promise.race([stopped, ask(name, type)]);
    },
    until: (work) => Promise.race([stopped, work]),
    close() {
      ended.removeEventListener('abort', stop);
      own.cancel();
    },
  };
}
