import { z } from 'zod';
import { messageId } from '../../conversations/message-id.ts';
import type { RawRow } from '../../intake/list-raw.ts';
import { RAW_STATES } from '../../intake/model.ts';
import { idSchema, timeSchema } from './common.ts';

export const rawView = z
  .object({
    id: idSchema,
    inbox: z.string(),
    via: z.enum(['http', 'imap', 'smtp']),
    state: z.enum(RAW_STATES),
    size: z.number().int().describe('Of the body, in bytes'),
    sha256: z.string(),
    receivedAt: timeSchema,
    recordedAt: timeSchema,
    attempts: z.number().int(),
    repeats: z.number().int().describe('Deliveries of the same that came later'),
    dueAt: timeSchema.nullable().describe('When it is tried next; null: it is at rest'),
    lastError: z.object({ code: z.string(), message: z.string(), at: timeSchema }).nullable(),
    outcomes: z.array(
      z.object({
        event: z.number().int(),
        type: z.string(),
        state: z.string(),
        message: idSchema.optional(),
        ticket: idSchema.optional(),
        reason: z.string().optional(),
      }),
    ),
    parserVersion: z.number().int().nullable(),
    edited: z.object({ at: timeSchema, by: idSchema }).nullable(),
  })
  .meta({ id: 'RawDelivery' });

export function viewRaw(raw: RawRow): z.output<typeof rawView> {
  return {
    id: raw._id.toHexString(),
    inbox: raw.inbox,
    via: raw.via,
    state: raw.state,
    size: raw.size,
    sha256: raw.sha256,
    receivedAt: raw.receivedAt.toISOString(),
    recordedAt: raw.recordedAt.toISOString(),
    attempts: raw.attempts,
    repeats: raw.repeats ?? 0,
    dueAt: raw.dueAt?.toISOString() ?? null,
    lastError: raw.lastError ? { ...raw.lastError, at: raw.lastError.at.toISOString() } : null,
    outcomes: (raw.outcomes ?? []).map(({ event, type, state, message, ticket, reason }) => ({
      event,
      type,
      state,
      ...(message ? { message: message.toHexString() } : {}),
      ...(type === 'message' && state === 'done' ? { message: messageId(raw._id, event).toHexString() } : {}),
      ...(ticket ? { ticket: ticket.toHexString() } : {}),
      ...(reason ? { reason } : {}),
    })),
    parserVersion: raw.parserVersion ?? null,
    edited: raw.edited ? { at: raw.edited.at.toISOString(), by: raw.edited.by.toHexString() } : null,
  };
}
