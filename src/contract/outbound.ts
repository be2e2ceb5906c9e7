import type { Readable } from 'node:stream';
import type { Address } from './events.ts';
import type { ConversationId, ExternalId, InboxId, MessageId } from './kinds.ts';

export interface OutboundAttachment {
  name: string;
  type: string;
  size: number;
  contentId?: string;
  open(): Promise<Readable>;
}

/**
 * One message on its way out, already fitted: what it holds goes into one request or one mail.
 * Everything a channel needs is here; it looks nothing up.
 */
export interface OutboundMessage {
  id: MessageId;
  inbox: InboxId;
  conversation: ConversationId;
  to: Address[];
  cc: Address[];
  subject?: string;
  text: string;
  html?: string;
  attachments: OutboundAttachment[];
  /** External id of the message that it answers. */
  inReplyTo?: string;
  /** External ids of the thread, oldest first, without the one answered; the channel shortens them as it must. */
  references: string[];
  /**
   * Names this message to us, unguessable, [a-z0-9] only. It travels where the provider hands it back: the
   * Message-ID, the return path, the query of a status callback. It comes back as `receipt.about.token`.
   */
  token: string;
  /** Names the conversation, likewise: it travels in the reply address and comes back as `thread.token`. */
  replyToken: string;
  /** Made by the system, not typed by an agent. */
  automatic: boolean;
  /** A long reply is sent as several; 0 of 1 otherwise. */
  piece: { index: number; count: number };
  createdAt: Date;
}

/** What the provider took on. `rejected`: some of several recipients were refused, the rest was accepted. */
export interface SendResult {
  externalId: ExternalId;
  status: 'accepted' | 'sent' | 'delivered';
  rejected?: { recipient: Address; code?: string; permanent: boolean; reason: string }[];
  /** The provider's own words, for the trace. */
  detail?: string;
}
