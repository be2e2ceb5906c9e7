import { z } from 'zod';
import { AUTOMATION, CHANNEL_KINDS } from '../../contract/index.ts';
import type { MessageDoc } from '../../conversations/model.ts';
import { MESSAGE_STATUSES } from '../../conversations/status.ts';
import { CATEGORIES, PRIORITIES } from '../../triage/types.ts';
import { addressView, idSchema, timeSchema } from './common.ts';

const attachmentView = z
  .object({
    index: z.number().int(),
    name: z.string(),
    type: z.string().describe('As the sender declared it'),
    size: z.number().int().nullable(),
    contentId: z.string().optional(),
    available: z.boolean().describe('GET /messages/:id/attachments/:index has the bytes'),
    error: z.string().optional(),
  })
  .meta({ id: 'Attachment' });

const verdictView = z.object({ spf: z.string(), dkim: z.string(), dmarc: z.string() });

export const messageView = z
  .object({
    id: idSchema,
    type: z.enum(['message', 'note', 'activity']),
    direction: z.enum(['in', 'out']),
    ticket: idSchema,
    conversation: idSchema.nullable(),
    inbox: z.string(),
    channel: z.enum(CHANNEL_KINDS),
    externalId: z.string().nullable().describe("The provider's id"),
    sender: addressView.nullable(),
    author: z.object({ id: idSchema, name: z.string() }).nullable().describe('The agent who wrote it'),
    recipients: z.array(addressView.extend({ role: z.enum(['to', 'cc']) })),
    replyTo: z.array(addressView).optional(),
    subject: z.string().nullable(),
    text: z.string(),
    textCut: z.boolean().describe('`text` is but the beginning'),
    fullText: z.string().optional().describe('With quotes and signature'),
    html: z.string().optional(),
    attachments: z.array(attachmentView),
    status: z.enum(MESSAGE_STATUSES).nullable().describe('Of an outbound message'),
    error: z
      .object({ code: z.string(), message: z.string(), providerCode: z.string().optional() })
      .nullable(),
    triage: z
      .object({
        category: z.enum(CATEGORIES),
        priority: z.enum(PRIORITIES),
        reasons: z.array(z.string()),
        model: z.object({ id: z.string(), version: z.string() }),
      })
      .nullable(),
    automation: z.enum(AUTOMATION).nullable(),
    claims: verdictView.partial().optional().describe('What headers of a trusted border say'),
    authentication: verdictView.extend({ provedDomain: z.string().optional() }).optional(),
    context: z.record(z.string(), z.unknown()).optional(),
    activity: z.string().nullable().describe('What the system or an agent did, as a stable name'),
    sentAt: timeSchema.nullable(),
    createdAt: timeSchema,
  })
  .meta({ id: 'Message' });

export const traceView = z
  .object({
    steps: z.array(
      z.object({
        step: z.string(),
        at: timeSchema,
        attempt: z.number().int().optional(),
        detail: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'Trace' });

export function viewMessage(doc: MessageDoc): z.output<typeof messageView> {
  const isReply = doc.type === 'message' && doc.direction === 'out';
  return {
    id: doc._id.toHexString(),
    type: doc.type,
    direction: doc.direction,
    ticket: doc.ticket.toHexString(),
    conversation: doc.conversation?.toHexString() ?? null,
    inbox: doc.inbox,
    channel: doc.channel,
    externalId: doc.externalId ?? null,
    sender: doc.sender ?? null,
    author: doc.author ? { id: doc.author.toHexString(), name: doc.authorName ?? '' } : null,
    recipients: isReply
      ? [
          ...(doc.to ?? []).map((to) => ({ ...to, role: 'to' as const })),
          ...(doc.cc ?? []).map((cc) => ({ ...cc, role: 'cc' as const })),
        ]
      : (doc.recipients ?? []),
    ...(doc.replyTo ? { replyTo: doc.replyTo } : {}),
    subject: doc.subject ?? null,
    text: doc.text,
    textCut: doc.textBlob !== undefined,
    ...(doc.fullText === undefined ? {} : { fullText: doc.fullText }),
    ...(doc.html === undefined ? {} : { html: doc.html }),
    attachments: doc.attachments.map(viewAttachment),
    status: (isReply && doc.state) || null,
    error: errorOf(doc),
    triage: doc.triage ?? null,
    automation: doc.automation ?? null,
    ...(doc.claims ? { claims: doc.claims } : {}),
    ...(doc.authentication ? { authentication: doc.authentication } : {}),
    ...(doc.context ? { context: doc.context } : {}),
    activity: doc.activity ?? null,
    sentAt: doc.sentAt?.toISOString() ?? null,
    createdAt: doc.createdAt.toISOString(),
  };
}

function viewAttachment(attachment: MessageDoc['attachments'][number], index: number) {
  const { name, type, size, contentId, blob, error } = attachment;
  return {
    index,
    name,
    type,
    size: size ?? null,
    ...(contentId ? { contentId } : {}),
    available: blob !== undefined,
    ...(error ? { error } : {}),
  };
}

/** Why it failed; or, while it waits for its next try, why the last one did not succeed. */
function errorOf({ error, lastError, state }: MessageDoc): z.output<typeof messageView>['error'] {
  if (error)
    return {
      code: error.code,
      message: error.message,
      ...(error.providerCode ? { providerCode: error.providerCode } : {}),
    };
  if (lastError && (state === 'queued' || state === 'failed' || state === 'unconfirmed'))
    return { code: lastError.code, message: lastError.message };
  return null;
}
