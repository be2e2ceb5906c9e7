import { z } from 'zod';
import { cancelReply } from '../../conversations/cancel-reply.ts';
import { readMessage } from '../../conversations/list-messages.ts';
import { readTrace } from '../../conversations/read-trace.ts';
import { retryReply } from '../../conversations/retry-reply.ts';
import type { Api, ApiDeps } from '../api.ts';
import { granted, Problem } from '../problem.ts';
import { idParams, idSchema, objectId } from '../views/common.ts';
import { messageView, traceView, viewMessage } from '../views/message.ts';

/** A file from a customer is a file, never a page of ours: it is saved, not shown, and runs nothing. */
const FILE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'cache-control': 'private, no-store',
};
const SAFE_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/;

const unknown = () => new Problem(404, 'message_unknown', 'There is no such message.');

export function messageRoutes(api: Api, deps: ApiDeps): void {
  const { store, blobs, wake, now } = deps;

  api.get(
    '/messages/:id',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['messages'],
        summary: 'One message',
        params: idParams,
        response: { 200: messageView },
      },
    },
    async ({ params }) => {
      const message = await readMessage(store, objectId(params.id, 'message_unknown'));
      if (!message) throw unknown();
      return viewMessage(message);
    },
  );

  api.get(
    '/messages/:id/trace',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['messages'],
        summary: 'The life-line of one message',
        params: idParams,
        response: { 200: traceView },
      },
    },
    async ({ params }) => {
      const steps = await readTrace(store, objectId(params.id, 'message_unknown'));
      if (!steps) throw unknown();
      return {
        steps: steps.map(({ step, at, attempt, detail }) => ({
          step,
          at: at.toISOString(),
          ...(attempt === undefined ? {} : { attempt }),
          ...(detail === undefined ? {} : { detail }),
        })),
      };
    },
  );

  api.post(
    '/messages/:id/cancel',
    {
      config: { permission: 'tickets.write' },
      schema: {
        tags: ['messages'],
        summary: 'Take back a reply that has not left; the next in its conversation may go',
        params: idParams,
        response: { 200: messageView },
      },
    },
    async ({ params, principal }) => {
      const id = objectId(params.id, 'message_unknown');
      const cancelled = granted(await cancelReply(store, id, principal, now()));
      if (cancelled.next) wake('outbound', cancelled.next.toHexString());
      return viewMessage(cancelled.message);
    },
  );

  api.post(
    '/messages/:id/retry',
    {
      config: { permission: 'tickets.write' },
      schema: {
        tags: ['messages'],
        summary: 'Send a failed or unconfirmed reply again',
        params: idParams,
        body: z
          .strictObject({
            confirmNotSent: z
              .boolean()
              .default(false)
              .describe('An unconfirmed one may have reached the customer: say that you looked'),
          })
          .nullish(),
        response: { 200: messageView },
      },
    },
    async ({ params, body, principal }) => {
      const id = objectId(params.id, 'message_unknown');
      const options = { confirmNotSent: body?.confirmNotSent ?? false, now: now() };
      const { message } = granted(await retryReply(store, id, principal, options));
      wake('outbound', params.id.toLowerCase());
      return viewMessage(message);
    },
  );

  api.get(
    '/messages/:id/attachments/:index',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['messages'],
        summary: 'The bytes of an attachment',
        params: z.strictObject({ id: idSchema, index: z.coerce.number().int().min(0).max(10_000) }),
      },
    },
    async ({ params }, reply) => {
      const message = await readMessage(store, objectId(params.id, 'message_unknown'));
      if (!message) throw unknown();
      const attachment = message.attachments[params.index];
      if (!attachment?.blob)
        throw new Problem(404, 'attachment_missing', attachment?.error ?? 'There are no bytes of it here.');
      return reply
        .headers({ ...FILE_HEADERS, 'content-disposition': disposition(attachment.name) })
        .type(SAFE_TYPE.test(attachment.type) ? attachment.type : 'application/octet-stream')
        .send(blobs.open(attachment.blob));
    },
  );
}

/** RFC 6266: a plain name for old clients, the true one in RFC 8187's form. */
function disposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%/]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain || 'file'}"; filename*=UTF-8''${encoded}`;
}
