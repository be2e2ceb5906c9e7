import { z } from 'zod';
import { editRaw } from '../../intake/edit-raw.ts';
import { listRaw, readRaw } from '../../intake/list-raw.ts';
import { RAW_STATES } from '../../intake/model.ts';
import { BODY_INLINE_MAX } from '../../intake/record.ts';
import { replayRaw } from '../../intake/replay-raw.ts';
import { showRaw } from '../../intake/show-raw.ts';
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
  readIdCursor,
} from '../views/common.ts';
import { rawView, viewRaw } from '../views/raw.ts';

const originalView = z
  .object({
    id: idSchema,
    inbox: z.string(),
    envelope: z.record(z.string(), z.unknown()),
    size: z.number().int(),
    body: z.base64().nullable().describe('The bytes; null where they are many: ask /original/body'),
  })
  .meta({ id: 'RawOriginal' });

const editBody = z
  .strictObject({
    text: z.string().optional().describe('The new body, as UTF-8'),
    base64: z.base64().optional().describe('The new body, any bytes'),
  })
  .refine(({ text, base64 }) => (text === undefined) !== (base64 === undefined), {
    message: 'give either text or base64',
  });

export function rawRoutes(api: Api, deps: ApiDeps): void {
  const { store, wake } = deps;
  const open = async (id: string, principal: { id: { toHexString(): string } }) =>
    granted(await showRaw(deps, objectId(id, 'raw_unknown'), principal.id.toHexString())).raw;

  api.get(
    '/raw',
    {
      config: { permission: 'raw.read' },
      schema: {
        tags: ['raw inbox'],
        summary: 'Deliveries as they arrived, newest first; `state=dead,quarantined` are the dead letters',
        querystring: z.strictObject({
          ...pageQuery,
          state: listOf(RAW_STATES).optional(),
          inbox: z.string().max(64).optional(),
        }),
        response: { 200: pageOf(rawView) },
      },
    },
    async ({ query: { limit, cursor, state, inbox } }) => {
      const page = { before: readIdCursor(cursor), limit: limit + 1 };
      const found = await listRaw(store, { states: state, inbox }, page);
      const cut = cutPage(found, limit, (last) => makeCursor(last._id.toHexString()));
      return { items: cut.page.map(viewRaw), nextCursor: cut.nextCursor };
    },
  );

  api.get(
    '/raw/:id',
    {
      config: { permission: 'raw.read' },
      schema: {
        tags: ['raw inbox'],
        summary: 'One delivery: what became of it, and why not',
        params: idParams,
        response: { 200: rawView },
      },
    },
    async ({ params }) => {
      const raw = await readRaw(store, objectId(params.id, 'raw_unknown'));
      if (!raw) throw new Problem(404, 'raw_unknown', 'There is no such delivery.');
      return viewRaw(raw);
    },
  );

  api.get(
    '/raw/:id/original',
    {
      config: { permission: 'raw.open' },
      schema: {
        tags: ['raw inbox'],
        summary: 'What the customer sent, unmasked; leaves an audit line',
        params: idParams,
        response: { 200: originalView },
      },
    },
    async ({ params, principal }, reply) => {
      const raw = await open(params.id, principal);
      reply.header('cache-control', 'no-store');
      return {
        id: raw.id,
        inbox: raw.inbox,
        envelope: { ...raw.envelope },
        size: raw.body.size,
        body: raw.body.bytes?.toString('base64') ?? null,
      };
    },
  );

  api.get(
    '/raw/:id/original/body',
    {
      config: { permission: 'raw.open' },
      schema: {
        tags: ['raw inbox'],
        summary: 'The bytes of the body, whatever their number; leaves an audit line',
        params: idParams,
      },
    },
    async ({ params, principal }, reply) => {
      const raw = await open(params.id, principal);
      return reply
        .headers({
          'cache-control': 'no-store',
          'content-disposition': `attachment; filename="${raw.id}.bin"`,
        })
        .type('application/octet-stream')
        .send(raw.body.open());
    },
  );

  api.patch(
    '/raw/:id',
    {
      config: { permission: 'raw.open' },
      schema: {
        tags: ['raw inbox'],
        summary: 'Mend the body of a dead or quarantined delivery; the original is kept',
        params: idParams,
        body: editBody,
        response: { 200: rawView },
      },
    },
    async ({ params, body: { text, base64 }, principal }) => {
      const body = text === undefined ? Buffer.from(base64!, 'base64') : Buffer.from(text);
      if (body.length > BODY_INLINE_MAX)
        throw new Problem(413, 'body_too_large', `An edited body has at most ${BODY_INLINE_MAX} bytes.`);
      const id = objectId(params.id, 'raw_unknown');
      return viewRaw(granted(await editRaw(deps, id, body, principal.id)).raw);
    },
  );

  api.post(
    '/raw/:id/replay',
    {
      config: { permission: 'raw.replay' },
      schema: {
        tags: ['raw inbox'],
        summary: 'Process a delivery again; what was done is not done twice',
        params: idParams,
        response: { 202: rawView },
      },
    },
    async ({ params }, reply) => {
      const { raw } = granted(await replayRaw(store, objectId(params.id, 'raw_unknown')));
      wake('inbound', raw._id.toHexString());
      return reply.code(202).send(viewRaw(raw));
    },
  );
}
