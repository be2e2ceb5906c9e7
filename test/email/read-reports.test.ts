import { describe, expect, test } from '@jest/globals';
import { MESSAGE_TOKEN, rawOf, read, readFixture } from './read-harness.ts';

const OUR_ID = `<${MESSAGE_TOKEN}@shop.example>`;
const about = { token: MESSAGE_TOKEN, externalIds: [OUR_ID] };

describe('delivery reports become receipts', () => {
  test.each([
    ['bounce-dsn', { status: 'failed', code: '5.1.1', permanent: true, recipient: 'gone@mail.example' }],
    [
      'bounce-delayed',
      { status: 'delayed', code: '4.4.1', permanent: undefined, recipient: 'slow@mail.example' },
    ],
    [
      'bounce-exchange',
      { status: 'failed', code: '5.1.10', permanent: true, recipient: 'gone@corp.example' },
    ],
    [
      'bounce-success',
      { status: 'delivered', code: '2.1.5', permanent: undefined, recipient: 'here@mail.example' },
    ],
    [
      'bounce-postfix-xtext',
      { status: 'failed', code: '5.1.1', permanent: true, recipient: 'gone+tag@mail.example' },
    ],
    [
      'bounce-text-qmail',
      { status: 'failed', code: '5.1.1', permanent: true, recipient: 'gone@mail.example' },
    ],
    ['bounce-text-qq-zh', { status: 'failed', code: '550', permanent: true, recipient: 'gone@qq.example' }],
    [
      'bounce-text-delay',
      { status: 'delayed', code: undefined, permanent: undefined, recipient: 'slow@mail.example' },
    ],
  ])('%s', async (name, { recipient, ...said }) => {
    const { receipts, message } = await readFixture(name);
    expect(message.automation).toBe('bounce');
    expect(receipts).toHaveLength(1);
    expect(receipts[0]).toMatchObject({
      about,
      status: said.status,
      recipient: { kind: 'email', value: recipient },
    });
    expect([receipts[0]!.code, receipts[0]!.permanent]).toEqual([said.code, said.permanent]);
  });

  test('the reason is what the other server said, unfolded', async () => {
    const { receipts } = await readFixture('bounce-dsn');
    expect(receipts[0]!.reason).toBe(
      '550 5.1.1 <gone@mail.example>: Recipient address rejected: User unknown',
    );
  });

  test('each recipient gets his own: a full mailbox is not for ever, a policy is', async () => {
    const { receipts } = await readFixture('bounce-dsn-two-recipients');
    expect(receipts.map(({ code, permanent, recipient }) => [recipient!.value, code, permanent])).toEqual([
      ['full@mail.example', '4.2.2', false],
      ['gone@mail.example', '5.7.1', true],
    ]);
  });

  test('a report in plain words that only the return path names is linked by it', async () => {
    const { receipts } = await readFixture('bounce-text-exim');
    expect(receipts).toMatchObject([
      { about: { token: MESSAGE_TOKEN }, recipient: { value: 'gone@mail.example' }, permanent: true },
    ]);
  });

  test('a report with our mail attached as a text is linked by the id in it', async () => {
    const { receipts } = await readFixture('bounce-text-attached');
    expect(receipts).toMatchObject([{ about, status: 'failed', recipient: { value: 'gone@mail.example' } }]);
  });

  test('a report about a mail that is not ours names no token', async () => {
    const { receipts } = await readFixture('bounce-of-nothing-of-ours');
    expect(receipts[0]!.about).toEqual({ externalIds: ['<spam@evil.example>'] });
  });

  test('the return path counts before what the report itself says', async () => {
    const other = `m${'9'.repeat(40)}`;
    const raw = rawOf(
      `From: mailer-daemon@x.example\r\nTo: support+${MESSAGE_TOKEN}@shop.example\r\nSubject: failure notice\r\n\r\n<gone@mail.example>: 550 5.1.1 gone\r\nMessage-ID: <${other}@shop.example>\r\n`,
    );
    expect((await read(raw)).receipts[0]!.about.token).toBe(MESSAGE_TOKEN);
  });

  test('a report that names nobody and nothing gives its message alone', async () => {
    const { events } = await read(
      rawOf('From: mailer-daemon@x.example\r\nSubject: failure notice\r\n\r\nIt failed.\r\n'),
    );
    expect(events).toHaveLength(1);
  });

  test('a customer who quotes a bounce writes no receipt', async () => {
    const { events } = await read(
      rawOf(
        `From: a@mail.example\r\nSubject: Re: failure notice\r\n\r\nWhat is this?\r\n> 550 5.1.1 gone ${OUR_ID}\r\n`,
      ),
    );
    expect(events.map(({ type }) => type)).toEqual(['message']);
  });
});

describe('other reports', () => {
  test('a mail that was read gives a read receipt and is linked to it', async () => {
    const { receipts, message } = await readFixture('read-receipt');
    expect(receipts).toMatchObject([{ about, status: 'read', recipient: { value: 'siti@mail.example' } }]);
    expect(message.inReplyTo).toContain(OUR_ID);
  });

  test('a mail that was deleted unseen was not read', async () => {
    const { receipts, message } = await readFixture('read-receipt-deleted');
    expect(receipts).toEqual([]);
    expect(message.automation).toBe('auto-reply');
  });

  test('a complaint says of what kind it is and from whom', async () => {
    const { message, receipts } = await readFixture('complaint-arf');
    expect(message.context?.complaint).toEqual({ feedbackType: 'abuse', recipient: 'siti@mail.example' });
    expect(receipts).toEqual([]);
  });
});
