import { z } from 'zod';
import { findAgent } from '../../agents/index.ts';
import { CHANNEL_KINDS } from '../../contract/index.ts';
import { listMessages } from '../../conversations/list-messages.ts';
import { findReplyDefaults } from '../../conversations/queue-reply-defaults.ts';
import { changeTicket } from '../../tickets/change-ticket.ts';
import { listTickets } from '../../tickets/list-tickets.ts';
import type { TicketDoc } from '../../tickets/model.ts';
import { describeTickets, readTicket } from '../../tickets/read-ticket.ts';
import { TICKET_STATUSES } from '../../tickets/status.ts';
import { CATEGORIES, PRIORITIES } from '../../triage/types.ts';
import type { Api, ApiDeps } from '../api.ts';
import { granted, Problem } from '../problem.ts';
import {
  cutPage,
  idParams,
  idSchema,
  listOf,
  makeCursor,
  objectId,
  pageOf,
  pageQuery,
  readCursor,
  readIdCursor,
  searchSchema,
} from '../views/common.ts';
import { messageView, viewMessage } from '../views/message.ts';
import { fullTicketView, ticketView, viewFullTicket, viewTicket } from '../views/ticket.ts';

const TAG_MAX_CHARS = 64;
const TAGS_MAX = 50;
/** The longest time that a Date can be, in milliseconds, has 16 digits. */
const MESSAGE_CURSOR = /^(\d{1,16}) ([a-f0-9]{24})$/;

const tags = z.array(z.string().trim().min(1).max(TAG_MAX_CHARS)).max(TAGS_MAX);

const listQuery = z.strictObject({
  ...pageQuery,
  status: listOf(TICKET_STATUSES).optional().describe('One, or several with commas'),
  channel: listOf(CHANNEL_KINDS).optional(),
  inbox: z.string().max(64).optional(),
  category: listOf(CATEGORIES).optional(),
  assignee: z.string().max(64).optional().describe("An agent's id, `me` or `none`"),
  q: searchSchema.optional().describe('A ticket number, an address, or words of the subject'),
});

const changeBody = z.strictObject({
  status: z.enum(TICKET_STATUSES).optional(),
  priority: z.enum(PRIORITIES).optional(),
  category: z.enum(CATEGORIES).optional(),
  assignee: idSchema.nullable().optional(),
  tags: tags.optional().describe('All of them anew'),
  addTags: tags.optional(),
  removeTags: tags.optional(),
});

/** The ticket that a request is about, or Problem 404. */
export async function ticketOf({ store }: ApiDeps, id: string): Promise<TicketDoc> {
  const ticket = await readTicket(store, objectId(id, 'ticket_unknown'));
  if (ticket) return ticket;
  throw new Problem(404, 'ticket_unknown', 'There is no such ticket.');
}

export function ticketRoutes(api: Api, deps: ApiDeps): void {
  const { store } = deps;

  const show = async (ticket: TicketDoc) => {
    const [rows, defaults] = await Promise.all([
      describeTickets(store, [ticket]),
      findReplyDefaults(store, ticket),
    ]);
    return viewFullTicket(rows[0]!, defaults);
  };

  api.get(
    '/tickets',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['tickets'],
        summary: 'List tickets, newest first',
        querystring: listQuery,
        response: { 200: pageOf(ticketView) },
      },
    },
    async ({ query, principal }) => {
      const { limit, cursor, q, assignee, ...filter } = query;
      const found = await listTickets(
        store,
        { ...filter, search: q, assignee: assigneeOf(assignee, principal) },
        { before: readIdCursor(cursor), limit: limit + 1 },
      );
      const { page, nextCursor } = cutPage(found, limit, (last) => makeCursor(last._id.toHexString()));
      return { items: (await describeTickets(store, page)).map(viewTicket), nextCursor };
    },
  );

  api.get(
    '/tickets/:id',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['tickets'],
        summary: 'One ticket, with whom a reply would go to',
        params: idParams,
        response: { 200: fullTicketView },
      },
    },
    async ({ params }) => show(await ticketOf(deps, params.id)),
  );

  api.patch(
    '/tickets/:id',
    {
      config: { permission: 'tickets.write' },
      schema: {
        tags: ['tickets'],
        summary: 'Change status, priority, category, assignee or tags',
        params: idParams,
        body: changeBody,
        response: { 200: fullTicketView },
      },
    },
    async ({ params, body, principal }) => {
      const { assignee, ...rest } = body;
      const change = { ...rest, assignee: await assigneeToBe(deps, assignee) };
      const id = objectId(params.id, 'ticket_unknown');
      return show(granted(await changeTicket(store, id, change, principal, deps.now())).ticket);
    },
  );

  api.get(
    '/tickets/:id/messages',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['tickets'],
        summary: 'Messages, notes and activities of a ticket, oldest first',
        params: idParams,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(messageView) },
      },
    },
    async ({ params, query: { limit, cursor } }) => {
      const position = readCursor(cursor, MESSAGE_CURSOR);
      const after = position && {
        createdAt: new Date(Number(position[1])),
        id: objectId(position[2]!, 'invalid_cursor'),
      };
      const ticket = await ticketOf(deps, params.id);
      const found = await listMessages(store, ticket._id, { after, limit: limit + 1 });
      const { page, nextCursor } = cutPage(found, limit, (last) =>
        makeCursor(last.createdAt.getTime(), last._id.toHexString()),
      );
      return { items: page.map(viewMessage), nextCursor };
    },
  );
}

function assigneeOf(assignee: string | undefined, principal: { id: TicketDoc['_id'] }) {
  if (assignee === undefined) return undefined;
  if (assignee === 'none') return null;
  return assignee === 'me' ? principal.id : objectId(assignee, 'agent_unknown');
}

async function assigneeToBe({ store }: ApiDeps, assignee: string | null | undefined) {
  if (assignee === undefined || assignee === null) return assignee;
  const agent = await findAgent(store, objectId(assignee, 'agent_unknown'));
  if (!agent) throw new Problem(422, 'agent_unknown', 'There is no such agent.');
  if (agent.revokedAt) throw new Problem(422, 'agent_revoked', `${agent.name} was revoked.`);
  return { id: agent._id, name: agent.name };
}
