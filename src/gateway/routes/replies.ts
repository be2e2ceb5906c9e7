import { z } from 'zod';
import { IDENTITY_KINDS } from '../../contract/index.ts';
import { addNote } from '../../conversations/add-note.ts';
import { findQueuedReply, queueReply, type ReplyRequest } from '../../conversations/queue-reply.ts';
import { InboxError } from '../../inboxes/index.ts';
import { markAnswered, touchTicket } from '../../tickets/change-ticket-answered.ts';
import type { Api, ApiDeps } from '../api.ts';
import { REQUEST_LIMITS } from '../deps.ts';
import { granted, Problem } from '../problem.ts';
import { idParams } from '../views/common.ts';
import { messageView, viewMessage } from '../views/message.ts';
import { ticketOf } from './tickets.ts';

const TEXT_MAX_CHARS = 200_000;
const HTML_MAX_CHARS = 1_000_000;
const NAME_MAX_CHARS = 255;
const ATTACHMENTS_MAX = 20;
const RECIPIENTS_MAX = 50;

const recipient = z.union([
  z.string().trim().min(1).max(320),
  z.strictObject({
    kind: z.enum(IDENTITY_KINDS),
    value: z.string().trim().min(1).max(320),
    name: z.string().max(NAME_MAX_CHARS).optional(),
  }),
]);
const recipients = z.array(recipient).max(RECIPIENTS_MAX);

const replyBody = z.strictObject({
  text: z.string().max(TEXT_MAX_CHARS),
  html: z.string().max(HTML_MAX_CHARS).optional(),
  attachments: z
    .array(
      z.strictObject({
        name: z.string().trim().min(1).max(NAME_MAX_CHARS),
        type: z
          .string()
          .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/, 'is no MIME type')
          .max(127),
        content: z.base64().describe('The bytes, base64'),
      }),
    )
    .max(ATTACHMENTS_MAX)
    .default([]),
  inbox: z.string().max(64).optional().describe("Default: the inbox of the customer's last message"),
  to: recipients.optional().describe('Default: who wrote last'),
  cc: recipients.optional(),
});

const replyHeaders = z.looseObject({
  'idempotency-key': z.string().min(1).max(255).optional(),
});

export function replyRoutes(api: Api, deps: ApiDeps): void {
  const { store, blobs, registry, wake, now } = deps;

  const capabilitiesOf = async (id: string) => {
    const inbox = await registry.get(id).catch((error) => {
      if (error instanceof InboxError) return null;
      throw error;
    });
    return inbox?.channel.send ? inbox.capabilities : undefined;
  };

  api.post(
    '/tickets/:id/replies',
    {
      config: { permission: 'tickets.write' },
      bodyLimit: (deps.requestLimits ?? REQUEST_LIMITS).reply,
      schema: {
        tags: ['tickets'],
        summary: 'Answer the customer; the message is stored, then sent',
        description:
          'Send an `Idempotency-Key`: the same request again answers the same message and sends nothing twice.',
        params: idParams,
        headers: replyHeaders,
        body: replyBody,
        response: { 202: messageView },
      },
    },
    async ({ params, body, headers, principal }, reply) => {
      const ticket = await ticketOf(deps, params.id);
      const request: ReplyRequest = {
        ticket,
        author: principal,
        idempotencyKey: headers['idempotency-key'],
        ...body,
        attachments: body.attachments.map(({ name, type, content }) => ({
          name,
          type: type.toLowerCase(),
          bytes: Buffer.from(content, 'base64'),
        })),
      };
      // A repeat is answered even if the ticket was closed meanwhile.
      if (ticket.status === 'closed' && !(await findQueuedReply(store, request)))
        throw new Problem(
          409,
          'ticket_closed',
          'A closed ticket takes no replies; the next message opens a new one.',
        );
      const queued = granted(await queueReply({ store, blobs, now, capabilitiesOf }, request));
      if (!queued.repeated) await markAnswered(store, ticket._id, queued.message.createdAt);
      if (queued.message.state === 'queued') wake('outbound', queued.message._id.toHexString());
      return reply.code(202).send(viewMessage(queued.message));
    },
  );

  api.post(
    '/tickets/:id/notes',
    {
      config: { permission: 'tickets.write' },
      schema: {
        tags: ['tickets'],
        summary: 'Leave a note that only agents see',
        params: idParams,
        body: z.strictObject({ text: z.string().trim().min(1).max(TEXT_MAX_CHARS) }),
        response: { 201: messageView },
      },
    },
    async ({ params, body, principal }, reply) => {
      const { _id, inbox, channel } = await ticketOf(deps, params.id);
      const note = await addNote(store, { ticket: _id, inbox, channel }, principal, body.text, now());
      await touchTicket(store, _id, note.createdAt);
      return reply.code(201).send(viewMessage(note));
    },
  );
}
