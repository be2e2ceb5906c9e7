import { newActivity } from '../src/conversations/activity.ts';
import type { MessageDoc } from '../src/conversations/model.ts';
import { storeMessages } from '../src/conversations/store-messages.ts';
import { reopenTicket } from '../src/tickets/open-tickets.ts';
import type { WorkerDeps } from './deps.ts';

/** A reply that did not arrive is the agent's to know: a line on the ticket, which is open again. Told once a failure. */
export async function tellFailure(
  { store, now }: Pick<WorkerDeps, 'store' | 'now'>,
  message: MessageDoc,
): Promise<void> {
  const at = now();
  const unsure = message.state === 'unconfirmed';
  const reason = message.error ? ` ${message.error.message}` : '';
  const text = unsure
    ? `It is not known whether a reply was sent.${reason} Ask the customer, or send it again if you are sure.`
    : `A reply was not delivered.${reason}`;
  await storeMessages(store, [
    newActivity(
      message,
      unsure ? 'reply.unconfirmed' : 'reply.failed',
      text,
      at,
      // The fence: attempts begin anew when an agent sends it again.
      `${message._id.toHexString()}:${message.state}:${message.lease?.fence ?? 0}`,
    ),
  ]);
  await reopenTicket(store, message.ticket, at);
}
