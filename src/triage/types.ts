/** What a message is about. Pure data; stored with the message and shown with its reasons. */
export const CATEGORIES = [
  'unclassified',
  'payment_failure',
  'account_recovery',
  'refund_dispute',
  'security_incident',
  'topup_withdrawal',
  'card_service',
  'fees_fx',
  'general_inquiry',
  'feedback_bug',
  'spam',
  'other',
] as const;
export type Category = (typeof CATEGORIES)[number];

export const PRIORITIES = ['P1', 'P2', 'P3', 'P4'] as const;
export type Priority = (typeof PRIORITIES)[number];

export interface Classification {
  category: Category;
  priority: Priority;
  /** Why, in words that an agent understands. */
  reasons: string[];
  model: { id: string; version: string };
}
