import type { Capabilities } from '../../src/contract/index.ts';

/** Longest Body that Twilio takes, in UTF-16 code units (error 21617 above it). */
export const BODY_MAX_CHARS = 1600;

export const smsCapabilities: Capabilities = Object.freeze({
  text: Object.freeze({
    format: 'plain',
    limit: Object.freeze({ max: BODY_MAX_CHARS, unit: 'utf16' }),
    overflow: 'split',
  }),
  subject: false,
  copies: false,
  /** Twilio fetches outbound media from a public URL, which we do not offer. */
  media: Object.freeze({ maxBytes: 0, maxCount: 0, types: Object.freeze([]) }),
  receipts: Object.freeze(['accepted', 'sent', 'delivered', 'failed'] as const),
  threading: 'sender',
  idempotentSend: false,
});
