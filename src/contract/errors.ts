/**
 * What went wrong at a provider, and what follows from it:
 * permanent: will fail again the same way. transient: certainly not sent, worth another try.
 * limited: the provider asks to wait. unknown: may have been sent (cut after the request had left).
 */
export type Disposition = 'permanent' | 'transient' | 'limited' | 'unknown';

export const CHANNEL_ERROR_CODES = [
  'recipient_invalid',
  'recipient_unreachable',
  'recipient_opted_out',
  'recipient_mailbox_full',
  'content_rejected',
  'content_too_large',
  'window_closed',
  'sender_misconfigured',
  'credentials_rejected',
  'permission_denied',
  'rate_limited',
  'provider_unavailable',
  'connection_failed',
  'timed_out',
  'aborted',
  'media_unavailable',
  'media_too_large',
  'address_forbidden',
  'bad_configuration',
  'malformed',
  'too_complex',
  'unknown_error',
] as const;
export type ChannelErrorCode = (typeof CHANNEL_ERROR_CODES)[number];

/** The one error that a channel may throw. `message` says what to do, and holds no secret and no customer text. */
export class ChannelError extends Error {
  readonly code: ChannelErrorCode;
  readonly disposition: Disposition;
  readonly retryAfterMs: number | undefined;
  /** As the provider writes it ("21610", "550 5.1.1"). */
  readonly providerCode: string | undefined;

  constructor(
    code: ChannelErrorCode,
    disposition: Disposition,
    message: string,
    options: { retryAfterMs?: number; providerCode?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ChannelError';
    this.code = code;
    this.disposition = disposition;
    this.retryAfterMs = options.retryAfterMs;
    this.providerCode = options.providerCode;
  }
}

/** MongoDB cannot be reached: whoever gets this must not acknowledge (webhook 503, SMTP 451, cursor stands). */
export class StoreUnavailable extends Error {
  readonly code = 'store_unavailable';
  constructor(cause?: unknown) {
    super('MongoDB cannot be reached; nothing was recorded. Try again.', { cause });
    this.name = 'StoreUnavailable';
  }
}
