import { z } from 'zod';
import { CHANNEL_KINDS } from '../../contract/index.ts';
import type { InboxView } from '../../inboxes/index.ts';
import { timeSchema } from './common.ts';

export const inboxView = z
  .object({
    id: z.string(),
    kind: z.enum(CHANNEL_KINDS),
    name: z.string().nullable(),
    paused: z.boolean(),
    health: z.object({
      state: z.enum(['ok', 'failing', 'silent', 'unknown']),
      code: z.string().nullable(),
      message: z.string().nullable(),
      lastOkAt: timeSchema.nullable(),
      lastErrorAt: timeSchema.nullable(),
      errors: z.number().int(),
    }),
    webhookUrl: z.string().nullable(),
    createdAt: timeSchema,
    updatedAt: timeSchema,
  })
  .meta({ id: 'Inbox' });

export const fullInboxView = inboxView
  .extend({
    config: z.record(z.string(), z.unknown()).describe('Without secrets'),
    secrets: z.array(z.string()).describe('Which secrets are set'),
  })
  .meta({ id: 'FullInbox' });

export function viewInbox(inbox: InboxView, webhookUrl: string | null): z.output<typeof inboxView> {
  const { health } = inbox;
  return {
    id: inbox.id,
    kind: inbox.kind,
    name: inbox.name ?? null,
    paused: inbox.paused,
    health: {
      state: health.state,
      code: health.code ?? null,
      message: health.message ?? null,
      lastOkAt: health.lastOkAt?.toISOString() ?? null,
      lastErrorAt: health.lastErrorAt?.toISOString() ?? null,
      errors: health.errors,
    },
    webhookUrl,
    createdAt: inbox.createdAt.toISOString(),
    updatedAt: inbox.updatedAt.toISOString(),
  };
}

export function viewFullInbox(inbox: InboxView, webhookUrl: string | null): z.output<typeof fullInboxView> {
  return { ...viewInbox(inbox, webhookUrl), config: inbox.config, secrets: inbox.secrets };
}
