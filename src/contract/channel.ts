/**
 * What a channel is. Channels know only this room and lib; workers know only this room too. Whoever implements
 * it promises what the comments say; test/contract checks it.
 */
import type { Readable } from 'node:stream';
import type { ZodType } from 'zod';
import type { Capabilities } from './capabilities.ts';
import type { Address, InboundEvent } from './events.ts';
import type { ChannelKind, InboxId } from './kinds.ts';
import type { OutboundMessage, SendResult } from './outbound.ts';
import type { Arrival, HttpEnvelope, RawInbound, RecordArrival } from './raw.ts';

/** One per kind, stateless. */
export interface ChannelType<C = unknown> {
  kind: ChannelKind;
  configSchema: ZodType<C>;
  /** Names of the config's fields that are secrets ("authToken", "imap.pass"): sealed at rest, never shown. */
  secrets: readonly string[];
  capabilities: Capabilities;
  /** Fills what the operator left to the environment (`SMTP_URL`, `TWILIO_AUTH_TOKEN`), before the schema is asked. */
  defaults?(config: Record<string, unknown>, provider: ProviderDefaults): Record<string, unknown>;
  /** Builds, no I/O. */
  open(config: C, deps: ChannelDeps): Channel;
  /** Samples that `earshot trigger KIND.EVENT` sends to a running server, signed as the provider would. */
  triggers?: Record<string, Trigger<C>>;
  /**
   * The addresses that are the inbox itself: an author with one of them is never a customer. `email` lower-cased,
   * with aliases; `phone` E.164.
   */
  ownAddresses?(config: C): Pick<Address, 'kind' | 'value'>[];
  /** What the operator has to do at the provider, one line each (which URL to enter where). */
  setup?(config: C, hookUrl: string): string[];
}

/** Per-provider values of the environment, under the names that the providers use. */
export type ProviderDefaults = Readonly<Record<string, string | undefined>>;

/** Sends one sample and says in a line what was sent. `hookUrl` is the address to reach, `publicUrl` the one to sign. */
export type Trigger<C> = {
  // Taken from a method, so that a list of types with different configs is a ChannelType[].
  send(
    config: C,
    target: { hookUrl: string; publicHookUrl: string; host: string; now: Date; text?: string },
  ): Promise<string>;
}['send'];

/** All that a channel may touch. */
export interface ChannelDeps {
  inbox: InboxId;
  log: ChannelLog;
  now(): Date;
  /** HTTP for foreign URLs: refuses private addresses, caps bytes, follows few redirects. See lib/guarded-fetch. */
  fetch: GuardedFetch;
  /** Progress of a source (the IMAP position of a folder): durable once `set` has resolved. */
  cursor: Cursor;
  health: HealthReport;
  /** PUBLIC_URL + /hooks/:inbox. */
  hookUrl: string;
  /** The address that listeners bind. */
  host: string;
}

export interface ChannelLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Cursor {
  get<T>(name: string): Promise<T | undefined>;
  set<T>(name: string, value: T): Promise<void>;
  list(): Promise<string[]>;
  remove(name: string): Promise<void>;
}

/** An inbox that reports neither for longer than its source's `silentAfterMs` raises an alarm by itself. */
export interface HealthReport {
  /** It works: connected, polled, taken in. */
  ok(detail?: string): void;
  /** It does not, and why: what the operator reads on /readyz and `inbox list`. Holds no secret. */
  failing(code: string, message: string): void;
}

export interface GuardedFetchOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  signal: AbortSignal;
  /** Whole answer, in bytes; one byte more is ChannelError `media_too_large`. */
  maxBytes: number;
  timeoutMs: number;
  /** Origins that may lie on a private address, since the operator configured them (`apiBaseUrl`). */
  trustedOrigins?: readonly string[];
  /** Sent to the first host only: dropped on a redirect to another origin. */
  authorization?: string;
}

export interface GuardedResponse {
  status: number;
  headers: Record<string, string>;
  /** Must be consumed or destroyed. */
  body: Readable;
}

/** Throws only ChannelError. */
export type GuardedFetch = (url: string, options: GuardedFetchOptions) => Promise<GuardedResponse>;

/** One per configured inbox. */
export interface Channel {
  /** What fetches or listens by itself; each runs on its own, a failing one leaves the others alone. */
  sources?: Source[];
  webhook?: Webhook;
  /**
   * What a raw record says. Pure for a given config and PARSER_VERSION: no network, no clock; the same bytes give
   * the same events. Every element of a batch is kept; what is unknown becomes `ignored`. Throws ChannelError
   * (`malformed`, `too_complex`) for bytes that nobody can read: the record is then quarantined with that code.
   */
  normalise(raw: RawInbound): Promise<Normalised>;
  /** Goes up with each change of what `normalise` makes of the same bytes. */
  parserVersion: number;
  /** What needs the network (DNS for DKIM, DMARC, SPF): beside the path, its verdict is stored later. */
  authenticate?(raw: RawInbound, signal: AbortSignal): Promise<AuthVerdict>;
  /** What the provider says it sent us since then; asked after an outage of ours, and hourly. */
  reconcile?(since: Date, signal: AbortSignal): AsyncIterable<Arrival>;
  /** Throws only ChannelError; an abort is prompt. */
  send?(message: OutboundMessage, signal: AbortSignal): Promise<SendResult>;
  /** Bytes of an attachment's `remote`. Throws only ChannelError. */
  fetchMedia?(remote: Record<string, string>, signal: AbortSignal): Promise<Readable>;
  /** `earshot inbox test`: logs in, lists, and says of each step how it went. */
  probe?(signal: AbortSignal): AsyncIterable<ProbeStep>;
  /** Ends connections. A second call is harmless. */
  close(): Promise<void>;
}

export interface ProbeStep {
  step: string;
  ok: boolean;
  detail: string;
}

export interface Normalised {
  events: InboundEvent[];
  parts: Parts;
}

/** Bytes of attachments, read one after another; for a big mail they are decoded anew while being read. */
export interface Parts {
  read(visit: (part: string, bytes: Readable) => Promise<void>): Promise<void>;
}

export interface AuthVerdict {
  spf: string;
  dkim: string;
  dmarc: string;
  /** The domain that is proved to have sent it; absent: nothing is. */
  provedDomain?: string;
}

export interface Source {
  /** true: one process at a time, under a lease (a poller). false: every process runs it (a listener). */
  exclusive: boolean;
  /** Quiet for longer than this: an alarm. A working source calls `health.ok` at least this often. */
  silentAfterMs: number;
  /** Runs until the signal aborts, then settles. Rejects only on what the operator must mend (then it is retried with back-off). */
  run(record: RecordArrival, signal: AbortSignal): Promise<void>;
}

/** What `verify` says of a request. The HTTP status stands beside each arm. */
export type Verdict =
  | { ok: true; signedPart: string | Buffer }
  | { ok: false; status: 400 | 401 | 403 | 405 | 415; code: string; reason: string };

export interface HttpReply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface Webhook {
  /** Larger bodies are answered 413 before anything is read of them. */
  maxBodyBytes: number;
  /** Over the raw bytes, before any parser; compares in constant time; a missing secret means refuse. */
  verify(request: HttpEnvelope, body: Buffer): Verdict;
  /** The answer to a genuine request that has been recorded; default 204. `handshake`: answered without recording. */
  respond?(request: HttpEnvelope, body: Buffer): HttpReply;
  handshake?(request: HttpEnvelope): HttpReply | undefined;
}
