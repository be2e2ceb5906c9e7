import type { Capabilities } from '../../src/contract/index.ts';

const MIB = 1024 * 1024;
/** Base64 adds 37 %: with 20 MB the mail stays below the 28 MB that most servers take. */
const MEDIA_MAX_BYTES = 20 * MIB;

export const EMAIL_CAPABILITIES: Capabilities = Object.freeze({
  text: Object.freeze({ format: 'html', overflow: 'reject' }),
  subject: true,
  copies: true,
  media: Object.freeze({ maxBytes: MEDIA_MAX_BYTES, maxCount: 50, types: Object.freeze([]) }),
  receipts: Object.freeze(['failed', 'delayed'] as const),
  threading: 'references',
  /** SMTP knows no idempotent send: a mail cut after its last byte may have been taken. */
  idempotentSend: false,
} as const);
