import type { RECEIPT_STATUSES } from './events.ts';

/** What a channel can carry, as frozen data: the core asks this, never which channel it is. */
export interface Capabilities {
  text: {
    format: 'plain' | 'html';
    /** In which unit the provider counts: UTF-16 code units, bytes of UTF-8, or code points. */
    limit?: { max: number; unit: 'utf16' | 'utf8' | 'codepoint' };
    overflow: 'split' | 'reject';
  };
  subject: boolean;
  copies: boolean;
  media: {
    /** Of one message together, in bytes. 0: none can be sent. */
    maxBytes: number;
    maxCount: number;
    /** MIME types or prefixes (`image/`); empty: any. */
    types: readonly string[];
  };
  /** How long after the customer's last message an agent may write freely; absent: always. */
  replyWindow?: { hours: number; after: 'blocked' | 'template' };
  receipts: readonly (typeof RECEIPT_STATUSES)[number][];
  /** references: threads are found by ids and tokens. sender: one conversation a sender. */
  threading: 'references' | 'sender';
  /** A message sent twice with the same token reaches the customer once. */
  idempotentSend: boolean;
}
