import { z } from 'zod';
import type { Api, ApiDeps } from '../api.ts';
import { cutPage, makeCursor, pageOf, pageQuery, readCursor, timeSchema } from '../views/common.ts';

const auditView = z
  .object({
    number: z.number().int(),
    at: timeSchema,
    actor: z.string().describe("An agent's id, or `system`"),
    action: z.string(),
    subject: z.string(),
    detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: 'AuditLine' });

export function auditRoutes(api: Api, { audit }: ApiDeps): void {
  api.get(
    '/audit',
    {
      config: { permission: 'audit.read' },
      schema: {
        tags: ['audit'],
        summary: 'Who did what that must be answered for, newest first',
        querystring: z.strictObject({
          ...pageQuery,
          subject: z.string().max(100).optional().describe('`raw:ID`, `inbox:ID`, `agent:ID`'),
        }),
        response: { 200: pageOf(auditView) },
      },
    },
    async ({ query: { limit, cursor, subject } }) => {
      const position = readCursor(cursor, /^(\d{1,15})$/);
      const lines = await audit.list({
        limit: limit + 1,
        ...(subject === undefined ? {} : { subject }),
        ...(position ? { before: Number(position[1]) } : {}),
      });
      const { page, nextCursor } = cutPage(lines, limit, (last) => makeCursor(last._id));
      const items = page.map(({ _id, at, actor, action, subject: about, detail }) => ({
        number: _id,
        at: at.toISOString(),
        actor,
        action,
        subject: about,
        detail: detail ?? {},
      }));
      return { items, nextCursor };
    },
  );
}
