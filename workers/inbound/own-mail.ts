import { addressKey } from '../../src/contacts/match-contacts.ts';
import type { WorkerDeps } from '../deps.ts';
import type { Draft } from './draft.ts';

/**
 * Why a message becomes no ticket, or undefined. Our own addresses are never customers: such a mail is a loop, or
 * a web form that writes in our name; the form's customer is then in Reply-To.
 */
export function whyIgnored({ registry }: Pick<WorkerDeps, 'registry'>, draft: Draft): string | undefined {
  const { message } = draft;
  if (message.automation === 'bounce' && !draft.bound) return 'a bounce of nothing that we sent';
  if (draft.bound || !registry.isOwn(message.sender)) return undefined;
  const writer = message.replyTo?.find((address) => !registry.isOwn(address));
  if (!writer) return `the sender ${addressKey(message.sender)} is one of our own inboxes`;
  draft.message = {
    ...message,
    sender: writer,
    replyTo: undefined,
    context: { ...message.context, writtenThrough: message.sender.value },
  };
  return undefined;
}
