import { hasOptedOut } from '../../src/contacts/consent.ts';
import {
  ChannelError,
  type ConversationId,
  fit,
  type InboxId,
  type MessageId,
  type OutboundMessage,
  type SendResult,
  StoreUnavailable,
} from '../../src/contract/index.ts';
import { CONVERSATIONS, type ConversationDoc, type MessageDoc } from '../../src/conversations/model.ts';
import { mintToken } from '../../src/conversations/tokens.ts';
import type { OpenInbox } from '../../src/inboxes/index.ts';
import { translateOutage } from '../../src/store/translate-outage.ts';
import type { WorkerDeps } from '../deps.ts';

/**
 * The last word on one piece; channels have their own, shorter ones. A mail of 25 MB on a slow line, or a server that
 * thinks about it (RFC 5321, section 4.5.3.2.6), takes minutes.
 */
const SEND_TIMEOUT_MS = 10 * 60_000;

/** All that was accepted, piece by piece. */
export interface Sent {
  externalIds: string[];
  results: SendResult[];
}

/**
 * Hands one reply to its channel, in as many pieces as it needs, going on after those that were accepted before.
 * `progress` makes each accepted piece durable before the next one leaves; it answers false when the claim is lost.
 * Throws ChannelError.
 */
export async function sendReply(
  deps: WorkerDeps,
  inbox: OpenInbox,
  reply: MessageDoc,
  progress: (sent: Sent, pieces: number) => Promise<boolean>,
): Promise<Sent> {
  const { channel } = inbox;
  if (!channel.send) throw new ChannelError('bad_configuration', 'permanent', 'This inbox cannot send.');
  const pieces = await piecesOf(deps, inbox, reply).catch((error) => {
    if (!(translateOutage(error) instanceof StoreUnavailable)) throw error;
    // Nothing has left: without this word an error of MongoDB would count as the provider's, of unknown fate.
    throw new ChannelError('connection_failed', 'transient', 'MongoDB was away; nothing was sent.', {
      cause: error,
    });
  });
  const sent: Sent = { externalIds: [...(reply.externalIds ?? [])], results: [] };
  for (let index = reply.piecesSent ?? 0; index < pieces.length; index++) {
    const piece = { index, count: pieces.length };
    const result = await channel.send(
      outbound(deps, reply, pieces[index]!, piece),
      AbortSignal.timeout(SEND_TIMEOUT_MS),
    );
    sent.externalIds.push(result.externalId);
    sent.results.push(result);
    const last = index === pieces.length - 1;
    if (!last && !(await progress(sent, index + 1)))
      throw new ChannelError('aborted', 'unknown', 'Another worker has taken this reply over.');
  }
  return sent;
}

/** The texts that go out, one after another. Throws ChannelError where the reply may not, or cannot. */
async function piecesOf(deps: WorkerDeps, inbox: OpenInbox, reply: MessageDoc): Promise<string[]> {
  const conversation = await deps.store
    .collection<ConversationDoc>(CONVERSATIONS)
    .findOne({ _id: reply.conversation! });
  if (!conversation) throw new ChannelError('bad_configuration', 'permanent', 'The conversation is gone.');
  const [first] = reply.to ?? [];
  if (!first) throw new ChannelError('recipient_invalid', 'permanent', 'The reply has no recipient.');
  if (await hasOptedOut(deps.store, first, inbox.id))
    throw new ChannelError('recipient_opted_out', 'permanent', 'The customer has opted out on this inbox.');
  const fitted = fit(
    { text: reply.text, attachments: reply.attachments.map(({ type, size = 0 }) => ({ type, size })) },
    inbox.capabilities,
    conversation.lastInboundAt,
    deps.now(),
  );
  if (!fitted.ok)
    throw new ChannelError(
      fitted.code === 'window_closed' ? 'window_closed' : 'content_rejected',
      'permanent',
      fitted.message,
    );
  return fitted.pieces;
}

function outbound(
  { sealer, blobs }: WorkerDeps,
  reply: MessageDoc,
  text: string,
  piece: OutboundMessage['piece'],
): OutboundMessage {
  const id = reply._id.toHexString();
  const conversation = reply.conversation!.toHexString();
  return {
    id: id as MessageId,
    inbox: reply.inbox as InboxId,
    conversation: conversation as ConversationId,
    to: reply.to ?? [],
    cc: reply.cc ?? [],
    ...(reply.subject === undefined ? {} : { subject: reply.subject }),
    text,
    ...(reply.html === undefined ? {} : { html: reply.html }),
    attachments:
      piece.index > 0
        ? []
        : reply.attachments.flatMap(({ blob, size = 0, ...rest }) =>
            blob ? [{ ...rest, size, open: async () => blobs.open(blob) }] : [],
          ),
    ...(reply.inReplyTo ? { inReplyTo: reply.inReplyTo } : {}),
    references: reply.references ?? [],
    token: mintToken(sealer, 'm', id),
    replyToken: mintToken(sealer, 'c', conversation),
    automatic: reply.automatic ?? false,
    piece,
    createdAt: reply.createdAt,
  };
}
