import type { ReceiptEvent } from '../../../src/contract/index.ts';
import { tokenOfMessageId } from '../addresses.ts';
import type { Gathered } from './gather.ts';
import { addressOf } from './read-addresses.ts';
import { messageIdsIn } from './read-thread.ts';
import { addressIn, type Fields, fieldBlocks, readable, reportText } from './report-fields.ts';

export interface ReadReceipt {
  receipt?: ReceiptEvent;
  /** The message that was read, so that the notice finds its conversation. */
  original: string[];
}

/** A notice that a mail was read (RFC 8098): a receipt where it was shown, nothing where it was deleted unseen. */
export function readReadReceipt(mail: Gathered, sentAt: Date | undefined): ReadReceipt {
  const fields = fieldsOf(mail, 'message/disposition-notification');
  const original = messageIdsIn(fields?.get('original-message-id') ?? '').slice(0, 1);
  if (!fields || original.length === 0 || !/;\s*displayed\b/i.test(fields.get('disposition') ?? ''))
    return { original };
  const token = tokenOfMessageId(original[0]!);
  const recipient = addressIn(fields.get('final-recipient'));
  return {
    original,
    receipt: {
      type: 'receipt',
      about: { ...(token ? { token } : {}), externalIds: original },
      status: 'read',
      ...(sentAt ? { at: sentAt } : {}),
      ...(recipient ? { recipient: addressOf(recipient) } : {}),
    },
  };
}

/** A complaint by way of the recipient's provider (RFC 5965): who complained, and of what kind. */
export function readComplaint(mail: Gathered): Record<string, string> | undefined {
  const fields = fieldsOf(mail, 'message/feedback-report');
  if (!fields) return undefined;
  const recipient = addressIn(fields.get('original-rcpt-to'));
  return {
    feedbackType: readable(fields.get('feedback-type') ?? 'other', 64),
    ...(recipient ? { recipient } : {}),
  };
}

function fieldsOf(mail: Gathered, type: string): Fields | undefined {
  const leaf = mail.leaves.find((each) => each.type === type);
  return leaf && fieldBlocks(reportText(leaf))[0];
}
