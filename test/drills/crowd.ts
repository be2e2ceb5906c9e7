/** Customers whose messages are numbered, so that it is known which of them belong together. */
import { mailBytes } from '../support/mail.ts';
import { inboundParams, newSid, type SignedRequest, signedSms } from '../support/signed-sms.ts';
import { type Drill, NUMBER } from './drill.ts';

export type Random = () => number;

/** mulberry32: the same seed makes the same numbers, in [0, 1). */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const pick = <T>(random: Random, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)]!;

export interface CrowdMessage {
  /** Stands in its text, in no other. */
  mark: string;
  /** One customer on a number, or one thread of mails: one ticket. */
  thread: string;
  sms?: SignedRequest;
  mail?: { from: string; raw: Buffer };
}

/** A customer's SMS, as Twilio posts it. */
export function smsOf(drill: Pick<Drill, 'twilio' | 'hookUrl'>, from: string, body: string): SignedRequest {
  const { accountSid, authToken } = drill.twilio;
  const params = inboundParams({ accountSid, from, to: NUMBER, body, sid: newSid('SM') });
  return signedSms({ authToken, url: drill.hookUrl, params });
}

/** A mail of a thread: its first, or one that refers to those before it as mail programs do. */
export function mailOf(thread: string, index: number, from: string, text: string): Buffer {
  const idOf = (i: number) => `<${thread}.${i}@customer.example>`;
  return mailBytes({
    from,
    subject: index === 0 ? `About ${thread}` : `Re: About ${thread}`,
    text,
    messageId: idOf(index),
    ...(index === 0
      ? {}
      : {
          inReplyTo: idOf(index - 1),
          references: Array.from({ length: index }, (_, i) => idOf(i)).join(' '),
        }),
  });
}

export const phoneOf = (customer: number) => `+1415${String(5_550_000 + customer).padStart(7, '0')}`;

/**
 * `count` messages, half of them SMS and half mails, of customers who each write a few, interleaved. Every third
 * customer by mail has two threads under way, which are two tickets.
 */
export function gatherCrowd(
  drill: Pick<Drill, 'twilio' | 'hookUrl'>,
  random: Random,
  count: number,
): CrowdMessage[] {
  const messages: { message: CrowdMessage; at: number }[] = [];
  for (let customer = 0; messages.length < count; customer++) {
    const many = Math.min(1 + Math.floor(random() * 5), count - messages.length);
    const begins = random();
    for (let i = 0; i < many; i++) {
      const mark = `mark-${String(messages.length).padStart(4, '0')}`;
      const text = `Hello, this is ${mark}.`;
      // A thread's messages follow one another closely: the next one often comes while the last is in hands.
      const at = begins + i * random() * 0.02;
      if (customer % 2 === 0) {
        const from = phoneOf(customer);
        messages.push({ at, message: { mark, thread: from, sms: smsOf(drill, from, text) } });
        continue;
      }
      const writer = customer % 6 === 5 ? customer - 2 : customer;
      const from = `customer${writer}@customer.example`;
      const thread = `thread${customer}`;
      messages.push({ at, message: { mark, thread, mail: { from, raw: mailOf(thread, i, from, text) } } });
    }
  }
  return messages.toSorted((a, b) => a.at - b.at).map(({ message }) => message);
}
