import { z } from 'zod';
import { CHANNEL_KINDS } from '../../contract/index.ts';
import type { ReplyDefaults } from '../../conversations/queue-reply-defaults.ts';
import type { TicketRow } from '../../tickets/read-ticket.ts';
import { TICKET_STATUSES } from '../../tickets/status.ts';
import { CATEGORIES, PRIORITIES } from '../../triage/types.ts';
import { addressView, idSchema, timeSchema } from './common.ts';
import { briefContactView, viewBriefContact } from './contact.ts';

export const ticketView = z
  .object({
    id: idSchema,
    number: z.number().int(),
    status: z.enum(TICKET_STATUSES),
    priority: z.enum(PRIORITIES),
    category: z.enum(CATEGORIES),
    subject: z.string(),
    inbox: z.string(),
    channel: z.enum(CHANNEL_KINDS),
    contact: briefContactView,
    assignee: idSchema.nullable().describe("An agent's id"),
    tags: z.array(z.string()),
    messageCount: z.number().int().describe('Messages in and out, without notes and activities'),
    createdAt: timeSchema,
    updatedAt: timeSchema,
  })
  .meta({ id: 'Ticket' });

const replyDefaultsView = z
  .object({
    inbox: z.string(),
    to: z.array(addressView),
    cc: z.array(addressView),
    replyTo: z.array(addressView).optional().describe('Where the customer wants answers: name `to`'),
  })
  .meta({ id: 'ReplyDefaults' });

export const fullTicketView = ticketView
  .extend({
    reasons: z.array(z.string()).describe('Why it has its category and priority'),
    conversations: z.array(idSchema),
    previous: idSchema.nullable().describe('The closed ticket that this one goes on from'),
    review: z.object({ besides: idSchema }).nullable().describe('A stranger in this conversation opened it'),
    resolvedAt: timeSchema.nullable(),
    replyDefaults: replyDefaultsView.nullable(),
  })
  .meta({ id: 'FullTicket' });

export function viewTicket({ ticket, contact, messageCount }: TicketRow): z.output<typeof ticketView> {
  return {
    id: ticket._id.toHexString(),
    number: ticket.number,
    status: ticket.status,
    priority: ticket.priority,
    category: ticket.category,
    subject: ticket.subject,
    inbox: ticket.inbox,
    channel: ticket.channel,
    contact: viewBriefContact(contact),
    assignee: ticket.assignee?.toHexString() ?? null,
    tags: ticket.tags,
    messageCount,
    createdAt: ticket.createdAt.toISOString(),
    updatedAt: ticket.updatedAt.toISOString(),
  };
}

export function viewFullTicket(
  row: TicketRow,
  defaults: ReplyDefaults | undefined,
): z.output<typeof fullTicketView> {
  const { ticket } = row;
  return {
    ...viewTicket(row),
    reasons: ticket.reasons,
    conversations: ticket.conversations.map((id) => id.toHexString()),
    previous: ticket.previous?.toHexString() ?? null,
    review: ticket.review ? { besides: ticket.review.besides.toHexString() } : null,
    resolvedAt: ticket.resolvedAt?.toISOString() ?? null,
    replyDefaults: defaults
      ? {
          inbox: defaults.conversation.inbox,
          to: defaults.to ? [defaults.to] : [],
          cc: [],
          ...(defaults.replyTo ? { replyTo: defaults.replyTo } : {}),
        }
      : null,
  };
}
