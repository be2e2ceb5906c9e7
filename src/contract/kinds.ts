/** The media that Earshot listens on. A kind names a channel folder; an inbox is one configured place on it. */
export const CHANNEL_KINDS = [
  'email',
  'sms',
  'voice',
  'whatsapp',
  'messenger',
  'instagram',
  'telegram',
  'line',
  'wechat',
  'webchat',
] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** What an address is an address of. Values: `email` lower-cased, `phone` E.164 or the short code as given. */
export const IDENTITY_KINDS = [
  'email',
  'phone',
  'whatsapp',
  'messenger',
  'instagram',
  'telegram',
  'line',
  'wechat',
  'visitor',
] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Ids of our own documents: 24 hexadecimal digits. */
export type RawId = Branded<'raw'>;
export type MessageId = Branded<'message'>;
export type ConversationId = Branded<'conversation'>;
export type TicketId = Branded<'ticket'>;
export type ContactId = Branded<'contact'>;
/** An inbox id is chosen by the operator: lower-case letters, digits and dashes. */
export type InboxId = Branded<'inbox'>;
/** A provider's own id; only the channel that reported it may take it apart. */
export type ExternalId = Branded<'external'>;

export const INBOX_ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;
