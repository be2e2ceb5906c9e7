import { expect, test } from '@jest/globals';
import { type MessageEvent, messageEventSchema } from '../../src/contract/index.ts';
import { maskEvent } from '../../src/triage/mask.ts';

const CARD = '4111 1111 1111 1111';
const MASKED = '•••• 1111';

const event = (over: Partial<MessageEvent>): MessageEvent =>
  messageEventSchema.parse({
    type: 'message',
    externalId: '<4111111111111111@x.example>',
    dedupeKey: '4111111111111111',
    thread: { references: [] },
    sender: { kind: 'email', value: 'ann@x.example' },
    recipients: [{ kind: 'email', value: 'help@y.example', role: 'to' }],
    text: 'hello',
    attachments: [],
    inReplyTo: [],
    automation: 'none',
    ...over,
  });

test('every part that a person writes is masked, ids and addresses are not', () => {
  const masked = maskEvent(
    event({
      subject: `card ${CARD}`,
      text: `card ${CARD}`,
      fullText: `> ${CARD}`,
      html: `<p>${CARD}</p>`,
      attachments: [{ name: `${CARD}.pdf`, type: 'application/pdf', part: '1' }],
      sender: { kind: 'email', value: 'ann@x.example', name: CARD },
      recipients: [{ kind: 'email', value: 'help@y.example', name: CARD, role: 'cc' }],
      replyTo: [{ kind: 'email', value: 'bob@x.example', name: CARD }],
    }),
  );
  expect(masked).toEqual({
    ...event({}),
    subject: `card ${MASKED}`,
    text: `card ${MASKED}`,
    fullText: `> ${MASKED}`,
    html: `<p>${MASKED}</p>`,
    attachments: [{ name: `${MASKED}.pdf`, type: 'application/pdf', part: '1' }],
    sender: { kind: 'email', value: 'ann@x.example', name: MASKED },
    recipients: [{ kind: 'email', value: 'help@y.example', name: MASKED, role: 'cc' }],
    replyTo: [{ kind: 'email', value: 'bob@x.example', name: MASKED }],
  });
  expect(maskEvent(masked)).toBe(masked);
});

test('a message with nothing to mask is the same object, and the given one is never changed', () => {
  const plain = event({ subject: 'order 123', attachments: [{ name: 'a.pdf', type: 'application/pdf' }] });
  expect(maskEvent(plain)).toBe(plain);
  const given = event({ text: CARD });
  const before = structuredClone(given);
  maskEvent(given);
  expect(given).toEqual(before);
});
