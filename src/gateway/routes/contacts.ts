import { z } from 'zod';
import { listContacts } from '../../contacts/list-contacts.ts';
import { readContact } from '../../contacts/read-contact.ts';
import { describeTickets, listTicketsOf } from '../../tickets/read-ticket.ts';
import type { Api, ApiDeps } from '../api.ts';
import { Problem } from '../problem.ts';
import {
  cutPage,
  idParams,
  makeCursor,
  objectId,
  pageOf,
  pageQuery,
  readIdCursor,
  searchSchema,
} from '../views/common.ts';
import { contactView, viewContact } from '../views/contact.ts';
import { ticketView, viewTicket } from '../views/ticket.ts';

/** Of one contact, shown at once. */
const TICKETS_SHOWN = 50;

export function contactRoutes(api: Api, { store }: ApiDeps): void {
  api.get(
    '/contacts',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['contacts'],
        summary: 'List contacts, newest first',
        querystring: z.strictObject({
          ...pageQuery,
          q: searchSchema.optional().describe('An address, a phone number or part of a name'),
        }),
        response: { 200: pageOf(contactView) },
      },
    },
    async ({ query: { limit, cursor, q } }) => {
      const before = readIdCursor(cursor);
      const found = await listContacts(store, { search: q, before, limit: limit + 1 });
      const { page, nextCursor } = cutPage(found, limit, (last) => makeCursor(last.id.toHexString()));
      return { items: page.map(viewContact), nextCursor };
    },
  );

  api.get(
    '/contacts/:id',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['contacts'],
        summary: 'One contact, with addresses and latest tickets',
        params: idParams,
        response: { 200: contactView.extend({ tickets: z.array(ticketView) }).meta({ id: 'FullContact' }) },
      },
    },
    async ({ params }) => {
      const id = objectId(params.id, 'contact_unknown');
      const [contact, tickets] = await Promise.all([
        readContact(store, id),
        listTicketsOf(store, id, TICKETS_SHOWN),
      ]);
      if (!contact) throw new Problem(404, 'contact_unknown', 'There is no such contact.');
      const rows = await describeTickets(store, tickets);
      return { ...viewContact(contact), tickets: rows.map(viewTicket) };
    },
  );
}
