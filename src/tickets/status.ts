/**
 * open: we are to act. pending: the customer is. resolved: solved, as far as we know. closed: the past.
 */
export const TICKET_STATUSES = ['open', 'pending', 'resolved', 'closed'] as const;
export type TicketStatus = (typeof TICKET_STATUSES)[number];

export const TICKET_MOVES: Record<TicketStatus, readonly TicketStatus[]> = {
  open: ['pending', 'resolved', 'closed'],
  pending: ['open', 'resolved', 'closed'],
  resolved: ['open', 'pending', 'closed'],
  // What comes after is a new ticket, linked to this one.
  closed: [],
};

/** A message on a ticket resolved longer ago than this opens a new one. */
export const REOPEN_WITHIN_MS = 14 * 24 * 3_600_000;

/** wake: the answer that we waited for. reopen: it was thought solved. follow-up: it is too late for this ticket. */
export type Joining = 'join' | 'wake' | 'reopen' | 'follow-up';

/** What a new message from the customer does to a ticket. `automated`: a machine wrote it, which wakes nobody. */
export function joining(
  ticket: { status: TicketStatus; resolvedAt?: Date | undefined },
  automated: boolean,
  now: Date,
): Joining {
  if (automated || ticket.status === 'open') return 'join';
  if (ticket.status === 'pending') return 'wake';
  const since = now.getTime() - (ticket.resolvedAt?.getTime() ?? 0);
  return ticket.status === 'resolved' && since <= REOPEN_WITHIN_MS ? 'reopen' : 'follow-up';
}
