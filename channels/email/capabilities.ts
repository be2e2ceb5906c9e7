import type { Capabilities } from '../../src/contract/index.ts';

const MIB = 1024 * 1024;
/** Base64 adds 37 %: with 20 MB the mail stays below the 28 MB that most servers take. */
const MEDIA_MAX_BYTES = 20 * MIB;

export const EMAIL_CAPABILITIES: Capabilities = Object.freeze({
  text: { format: 'html', overflow: 'reject' },
  subject: true,
  copies: true,
  media: { maxBytes: MEDIA_MAX_BYTES, maxCount: 50, types: [] },
  receipts: ['failed', 'delayed'],
  threading: 'references',
  /** SMTP knows no idempotent send: a mail cut after its last byte may have been taken. */
  idempotentSend: false,
} as const);
