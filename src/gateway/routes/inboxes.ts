import { z } from 'zod';
import { CHANNEL_KINDS, INBOX_ID_PATTERN } from '../../contract/index.ts';
import type { InboxView } from '../../inboxes/index.ts';
import type { Api, ApiDeps } from '../api.ts';
import { Problem } from '../problem.ts';
import { fullInboxView, inboxView, viewFullInbox, viewInbox } from '../views/inbox.ts';

const NAME_MAX_CHARS = 100;
const config = z.record(z.string(), z.unknown());
const name = z.string().trim().min(1).max(NAME_MAX_CHARS);
const params = z.strictObject({ id: z.string().max(64) });

export function inboxRoutes(api: Api, deps: ApiDeps): void {
  const { inboxes, registry, audit, now } = deps;

  const webhookUrlOf = async (id: string): Promise<string | null> => {
    const open = await registry.get(id).catch(() => null);
    return open?.channel.webhook ? open.hookUrl : null;
  };
  const show = async (inbox: InboxView) => viewFullInbox(inbox, await webhookUrlOf(inbox.id));
  const wrote = (actor: string, action: string, id: string) =>
    audit.add({ at: now(), actor, action, subject: `inbox:${id}` });

  api.get(
    '/inboxes',
    {
      config: { permission: 'inboxes.read' },
      schema: {
        tags: ['inboxes'],
        summary: 'All inboxes, with health',
        response: { 200: z.object({ items: z.array(inboxView), nextCursor: z.null() }) },
      },
    },
    async () => {
      const all = await inboxes.list();
      const items = await Promise.all(
        all.map(async (inbox) => viewInbox(inbox, await webhookUrlOf(inbox.id))),
      );
      return { items, nextCursor: null };
    },
  );

  api.get(
    '/inboxes/:id',
    {
      config: { permission: 'inboxes.manage' },
      schema: {
        tags: ['inboxes'],
        summary: 'One inbox with its config; secrets are named, never shown',
        params,
        response: { 200: fullInboxView },
      },
    },
    async ({ params: { id } }) => {
      const inbox = await inboxes.get(id);
      if (!inbox) throw new Problem(404, 'inbox_not_found', `There is no inbox "${id}".`);
      return show(inbox);
    },
  );

  api.post(
    '/inboxes',
    {
      config: { permission: 'inboxes.manage' },
      schema: {
        tags: ['inboxes'],
        summary: 'Add an inbox; running servers open it within seconds',
        body: z.strictObject({
          id: z.string().regex(INBOX_ID_PATTERN, 'lower-case letters, digits and dashes'),
          kind: z.enum(CHANNEL_KINDS),
          name: name.optional(),
          config,
        }),
        response: { 201: fullInboxView },
      },
    },
    async ({ body, principal }, reply) => {
      const inbox = await inboxes.add(body.id, body.kind, body.config, body.name);
      await wrote(principal.id.toHexString(), 'inbox.add', inbox.id);
      return reply.code(201).send(await show(inbox));
    },
  );

  api.patch(
    '/inboxes/:id',
    {
      config: { permission: 'inboxes.manage' },
      schema: {
        tags: ['inboxes'],
        summary: 'Change, pause or resume an inbox',
        description: 'A secret that the new config leaves out stays as it was; null takes it away.',
        params,
        body: z.strictObject({
          name: name.optional(),
          config: config.optional(),
          paused: z.boolean().optional(),
        }),
        response: { 200: fullInboxView },
      },
    },
    async ({ params: { id }, body, principal }) => {
      const { paused, ...change } = body;
      let inbox = await inboxes.update(id, change);
      if (paused !== undefined && paused !== inbox.paused) inbox = await inboxes.setPaused(id, paused);
      await wrote(principal.id.toHexString(), 'inbox.change', id);
      return show(inbox);
    },
  );

  api.delete(
    '/inboxes/:id',
    {
      config: { permission: 'inboxes.manage' },
      schema: {
        tags: ['inboxes'],
        summary: 'Remove an inbox and its secrets; its messages stay',
        params,
        response: { 204: z.undefined() },
      },
    },
    async ({ params: { id }, principal }, reply) => {
      await inboxes.remove(id);
      await wrote(principal.id.toHexString(), 'inbox.remove', id);
      return reply.code(204).send();
    },
  );
}
