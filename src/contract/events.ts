/**
 * What a delivery says, in the words of the desk. A channel reports facts and guesses nothing: no ticket, no
 * contact, no duplicate. The JSON Schema of InboundEvent is published as docs/inbound-event.schema.json.
 */
import { z } from 'zod';
import { IDENTITY_KINDS } from './kinds.ts';

/** Text longer than this (bytes of UTF-8) lies in the blob store; the message keeps the beginning. */
export const TEXT_INLINE_BYTES = 256 * 1024;
export const SUBJECT_MAX_CHARS = 998;
export const NAME_MAX_CHARS = 256;
export const ADDRESSES_MAX = 200;
export const REFERENCES_MAX = 200;

export const addressSchema = z.object({
  kind: z.enum(IDENTITY_KINDS),
  /** `email` lower-cased, `phone` E.164 (a short code or an alphanumeric sender as the provider writes it). */
  value: z.string().min(1).max(512),
  /** As the sender wrote it; never an identity. */
  name: z.string().max(NAME_MAX_CHARS).optional(),
});
export type Address = z.infer<typeof addressSchema>;

export const attachmentSchema = z.object({
  name: z.string().max(NAME_MAX_CHARS),
  /** MIME type as declared; what it is worth is decided when it is served. */
  type: z.string().max(128),
  size: z.number().int().nonnegative().optional(),
  /** Shown inside the HTML under this content id. */
  contentId: z.string().max(512).optional(),
  /** The bytes came along: their key in `Normalised.parts`. */
  part: z.string().optional(),
  /** The bytes are to be fetched by `fetchMedia`. Opaque to everyone but the channel; must hold no secret. */
  remote: z.record(z.string(), z.string()).optional(),
});
export type Attachment = z.infer<typeof attachmentSchema>;

/**
 * none: a person wrote it. auto-reply: an answering machine. bounce: a delivery report. list: sent to many.
 * system: another program (a notification). Everything but `none` is kept, linked and never answered by itself.
 */
export const AUTOMATION = ['none', 'auto-reply', 'bounce', 'list', 'system'] as const;

const threadSchema = z.object({
  /** The provider's own notion of a thread, where it has one (a chat, a pair of numbers). */
  key: z.string().max(1024).optional(),
  /** A token of ours that came back (in a recipient address): opaque to the channel, checked by the core. */
  token: z.string().max(256).optional(),
  /** Message-IDs of References, oldest first, as written (with angle brackets). */
  references: z.array(z.string().max(998)).max(REFERENCES_MAX),
});

export const messageEventSchema = z.object({
  type: z.literal('message'),
  /** The provider's id; for mail its Message-ID, with angle brackets, or one made from its bytes. */
  externalId: z.string().min(1).max(998),
  /** What makes it the same message. Unique within an inbox. */
  dedupeKey: z.string().min(1).max(256),
  thread: threadSchema,
  sender: addressSchema,
  recipients: z.array(addressSchema.extend({ role: z.enum(['to', 'cc']).default('to') })).max(ADDRESSES_MAX),
  /** Where the sender wants answers, when that is not the sender. */
  replyTo: z.array(addressSchema).max(ADDRESSES_MAX).optional(),
  /** As the sender's own clock says. */
  sentAt: z.date().optional(),
  subject: z.string().max(SUBJECT_MAX_CHARS).optional(),
  /** The new words only: quotes and signature cut. */
  text: z.string(),
  /** All the words, where that is more than `text`. */
  fullText: z.string().optional(),
  /** Sanitised. */
  html: z.string().optional(),
  attachments: z.array(attachmentSchema),
  /** Ids of the messages that it answers (In-Reply-To, a quoted message). */
  inReplyTo: z.array(z.string().max(998)).max(REFERENCES_MAX),
  automation: z.enum(AUTOMATION),
  /** What headers of a border that we trust say; a claim, never a proof. */
  claims: z
    .object({ spf: z.string().optional(), dkim: z.string().optional(), dmarc: z.string().optional() })
    .optional(),
  /** A button, a location, a contact card, a referral; and remarks on what was odd (`flags`). */
  context: z.record(z.string(), z.unknown()).optional(),
});
export type MessageEvent = z.infer<typeof messageEventSchema>;

export const RECEIPT_STATUSES = ['accepted', 'sent', 'delivered', 'read', 'failed', 'delayed'] as const;

export const receiptEventSchema = z.object({
  type: z.literal('receipt'),
  /** A token of ours that came back, or the provider's ids: the first that fits counts. */
  about: z.object({
    externalIds: z.array(z.string().max(998)).max(REFERENCES_MAX).optional(),
    token: z.string().max(256).optional(),
  }),
  status: z.enum(RECEIPT_STATUSES),
  at: z.date().optional(),
  recipient: addressSchema.optional(),
  /** As the provider or RFC 3463 writes it. */
  code: z.string().max(64).optional(),
  permanent: z.boolean().optional(),
  reason: z.string().max(2000).optional(),
});
export type ReceiptEvent = z.infer<typeof receiptEventSchema>;

const aboutMessage = {
  /** The provider's id of the message that this changes. */
  externalId: z.string().min(1).max(998),
  dedupeKey: z.string().min(1).max(256),
  sender: addressSchema,
  at: z.date().optional(),
};

export const consentEventSchema = z.object({
  type: z.literal('consent'),
  sender: addressSchema,
  /** The word that the customer sent; `help` asks and changes nothing. */
  consent: z.enum(['opt-out', 'opt-in', 'help']),
  dedupeKey: z.string().min(1).max(256),
  at: z.date().optional(),
  text: z.string().optional(),
});
export type ConsentEvent = z.infer<typeof consentEventSchema>;

export const inboundEventSchema = z.discriminatedUnion('type', [
  messageEventSchema,
  receiptEventSchema,
  consentEventSchema,
  /** An agent answered in the provider's own app. */
  messageEventSchema.extend({ type: z.literal('echo'), token: z.string().max(256).optional() }),
  z.object({ type: z.literal('reaction'), ...aboutMessage, emoji: z.string().max(64) }),
  z.object({ type: z.literal('edit'), ...aboutMessage, text: z.string() }),
  z.object({ type: z.literal('deletion'), ...aboutMessage }),
  z.object({ type: z.literal('call'), ...aboutMessage, status: z.string().max(64) }),
  z.object({
    type: z.literal('identityChange'),
    from: addressSchema,
    to: addressSchema,
    at: z.date().optional(),
  }),
  /** Seen, understood, and of no concern: with the reason. */
  z.object({ type: z.literal('ignored'), reason: z.string().max(500) }),
]);
export type InboundEvent = z.infer<typeof inboundEventSchema>;
