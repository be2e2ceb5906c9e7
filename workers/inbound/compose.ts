import type { Attachment } from '../../src/contract/index.ts';
import { newActivity } from '../../src/conversations/activity.ts';
import type { MessageDoc, StoredAttachment } from '../../src/conversations/model.ts';
import { mailIds, threadIds } from '../../src/conversations/place-message.ts';
import { type Draft, effectKey } from './draft.ts';
import type { Plan } from './plan.ts';

/** The message as it is stored. */
export function messageOf({ draft, conversation, ticket, contact, knownIds }: Plan, now: Date): MessageDoc {
  const { message, delivery, triage } = draft;
  const { doc } = delivery.claim;
  return {
    _id: draft.id,
    type: 'message',
    direction: 'in',
    inbox: delivery.inbox.id,
    channel: delivery.inbox.kind,
    conversation: conversation._id,
    ticket: ticket._id,
    ...(contact ? { contact } : {}),
    externalId: message.externalId,
    dedupeKey: message.dedupeKey,
    raw: doc._id,
    sender: message.sender,
    recipients: message.recipients,
    ...(message.replyTo ? { replyTo: message.replyTo } : {}),
    ...(message.sentAt ? { sentAt: message.sentAt } : {}),
    ...(message.subject === undefined ? {} : { subject: message.subject }),
    text: message.text,
    ...(draft.textBlob ? { textBlob: draft.textBlob } : {}),
    ...(message.fullText === undefined ? {} : { fullText: message.fullText }),
    ...(message.html === undefined ? {} : { html: message.html }),
    attachments: message.attachments.map((attachment) => stored(attachment, draft.blobs)),
    automation: message.automation,
    triage,
    ...(message.claims ? { claims: message.claims } : {}),
    ...(message.context ? { context: message.context } : {}),
    ...(delivery.inbox.capabilities.threading === 'references'
      ? {
          mailIds: mailIds(message, knownIds.get(conversation._id.toHexString())),
          references: threadIds(message).filter((id) => id !== message.externalId),
        }
      : {}),
    trace: [
      { step: 'received', at: doc.receivedAt },
      { step: 'stored', at: doc.recordedAt },
      { step: 'queued', at: delivery.queuedAt, attempt: doc.attempts },
      { step: 'classified', at: draft.classifiedAt },
      { step: 'ticketed', at: now },
    ],
    createdAt: doc.receivedAt,
  };
}

function stored(attachment: Attachment, blobs: Draft['blobs']): StoredAttachment {
  const { part, ...rest } = attachment;
  const kept = part === undefined ? undefined : blobs?.get(part);
  return kept ? { ...rest, size: kept.size, blob: kept.sha256 } : rest;
}

/** What an agent should read in the ticket beside the message itself. */
export function activitiesOf(plan: Plan, now: Date): MessageDoc[] {
  const { draft, conversation, ticket, joining } = plan;
  const of = {
    ticket: ticket._id,
    inbox: conversation.inbox,
    channel: conversation.channel,
    conversation: conversation._id,
  };
  const say = (activity: string, text: string) =>
    newActivity(of, activity, text, now, effectKey(draft, activity));
  return [
    ...(joining === 'reopen'
      ? [say('ticket.reopened', 'The customer wrote again; the ticket is open.')]
      : []),
    ...(joining === 'follow-up'
      ? [say('ticket.followed', 'The customer wrote again after the ticket before this one was closed.')]
      : []),
    ...(conversation.besides && joining === 'new'
      ? [
          say(
            'ticket.review',
            'The sender names a thread in which this address has no place. Join the tickets only if you know the sender.',
          ),
        ]
      : []),
  ];
}
