/**
 * The life of an outbound message:
 *
 *   queued → sending → accepted → sent → delivered → read
 *              ├→ queued (again, later)      └→ failed
 *              ├→ failed
 *              └→ unconfirmed → (a receipt or an agent decides)
 */
export const MESSAGE_STATUSES = [
  'queued',
  'sending',
  'accepted',
  'sent',
  'delivered',
  'read',
  'failed',
  'unconfirmed',
  'cancelled',
] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

export const MESSAGE_MOVES: Record<MessageStatus, readonly MessageStatus[]> = {
  queued: ['sending', 'cancelled', 'failed', 'accepted', 'sent', 'delivered', 'read'],
  sending: ['queued', 'accepted', 'sent', 'delivered', 'read', 'failed', 'unconfirmed'],
  // A provider's id may come back as a receipt before `send` has returned: hence the jumps.
  accepted: ['sent', 'delivered', 'read', 'failed'],
  sent: ['delivered', 'read', 'failed'],
  delivered: ['read'],
  read: [],
  failed: ['queued', 'delivered', 'read'],
  unconfirmed: ['queued', 'accepted', 'sent', 'delivered', 'read', 'failed', 'cancelled'],
  cancelled: [],
};

/** Statuses in which nothing is left to be sent. */
export const RESTING: readonly MessageStatus[] = [
  'accepted',
  'sent',
  'delivered',
  'read',
  'failed',
  'unconfirmed',
  'cancelled',
];

/** The statuses from which a receipt of `status` may move a message: ranks only rise, `failed` never undoes `delivered`. */
export function receiptMovesFrom(
  status: 'accepted' | 'sent' | 'delivered' | 'read' | 'failed',
): MessageStatus[] {
  return MESSAGE_STATUSES.filter((from) => MESSAGE_MOVES[from].includes(status));
}
