import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { normalise } from '../../channels/sms/normalise.ts';
import { ChannelError, type InboundEvent, inboundEventSchema } from '../../src/contract/index.ts';
import { rawOf } from '../contract/describe-channel.ts';
import { inboundParams, statusParams } from '../support/signed-sms.ts';

const accountSid = `AC${'5'.repeat(32)}`;
const sid = 'SM11111111111111111111111111111111';
const sms = { accountSid, sid, from: '+6281234567890', to: '+15005550006', body: 'Halo' };

async function read(body: string | Buffer, path = '/hooks/sms', method = 'POST'): Promise<InboundEvent[]> {
  const { events } = await normalise(
    rawOf({ envelope: { via: 'http', method, path, headers: {} }, body: Buffer.from(body) }),
  );
  return events;
}
const form = (params: Record<string, string>) => new URLSearchParams(params).toString();
const readSms = (changes: Partial<typeof sms> & Record<string, unknown> = {}) =>
  read(form(inboundParams({ ...sms, ...changes })));

describe('messages', () => {
  test('one message, whole, with what the desk needs of it', async () => {
    expect(await readSms()).toEqual([
      {
        type: 'message',
        externalId: sid,
        dedupeKey: sid,
        thread: { key: '+6281234567890', references: [] },
        sender: { kind: 'phone', value: '+6281234567890' },
        recipients: [{ kind: 'phone', value: '+15005550006', role: 'to' }],
        text: 'Halo',
        attachments: [],
        inReplyTo: [],
        automation: 'none',
        context: { senderPlace: { city: 'SAN FRANCISCO', state: 'CA', zip: '94107', country: 'US' } },
      },
    ]);
  });

  test('form, JSON and GET say the same', async () => {
    const params = inboundParams({ ...sms, body: '50% + 你好 😀\n' });
    const [asForm] = await read(form(params));
    expect(await read(JSON.stringify(params))).toEqual([asForm]);
    expect(await read(`\n  ${JSON.stringify(params)}`)).toEqual([asForm]);
    expect(await read('', `/hooks/sms?${form(params)}`, 'GET')).toEqual([asForm]);
  });

  test('the text is kept to the last character, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), async (words) => {
        const body = `> ${words}`;
        expect(await readSms({ body })).toMatchObject([{ type: 'message', text: body }]);
      }),
    );
  });

  test.each(['72345', 'MyBank', '+862312345678'])(
    'the sender %s is kept as Twilio writes it',
    async (from) => {
      expect(await readSms({ from })).toMatchObject([
        { sender: { kind: 'phone', value: from }, thread: { key: from } },
      ]);
    },
  );

  test('a number given as a JSON number throws nothing', async () => {
    const params = {
      ...inboundParams(sms),
      NumMedia: 0,
      NumSegments: 3,
      ForwardedFrom: null,
      Extra: { a: [1] },
    };
    expect(await read(JSON.stringify(params))).toMatchObject([{ type: 'message', context: { segments: 3 } }]);
  });

  test('media become attachments to be fetched, in order, named by their SID', async () => {
    const at = (media: string) =>
      `https://api.twilio.com/2010-04-01/Accounts/${accountSid}/Messages/${sid}/Media/${media}`;
    const media = [
      { url: at('ME1'), type: 'image/jpeg' },
      { url: at('ME2'), type: 'application/x-unheard-of' },
      { url: 'https://example.com/a b/../evil name.exe?x=1', type: 'text/vcard' },
    ];
    const [event] = await readSms({ media, body: '' });
    expect(event).toMatchObject({
      type: 'message',
      text: '',
      attachments: [
        { name: 'ME1.jpg', type: 'image/jpeg', remote: { url: at('ME1') } },
        { name: 'ME2', type: 'application/x-unheard-of', remote: { url: at('ME2') } },
        { name: 'media-2.vcf', type: 'text/vcard', remote: { url: media[2]!.url } },
      ],
    });
  });

  test('media that are counted but not named are remarked, not invented', async () => {
    const params = { ...inboundParams(sms), NumMedia: '2' };
    expect(await read(form(params))).toMatchObject([
      { attachments: [], context: { flags: ['media-missing'] } },
    ]);
    expect(await read(form({ ...params, NumMedia: '99999999999' }))).toMatchObject([{ attachments: [] }]);
  });
});

describe('consent', () => {
  const words: [string, string][] = [
    ['STOP', 'opt-out'],
    ['stop', 'opt-out'],
    [' Stop \r\n', 'opt-out'],
    ['STOPALL', 'opt-out'],
    ['Unsubscribe', 'opt-out'],
    ['cancel', 'opt-out'],
    ['END', 'opt-out'],
    ['quit', 'opt-out'],
    ['REVOKE', 'opt-out'],
    ['OptOut', 'opt-out'],
    ['START', 'opt-in'],
    ['unstop', 'opt-in'],
    ['HELP', 'help'],
    ['info', 'help'],
  ];
  test.each(words)('%j opens no ticket: it is %s', async (body, consent) => {
    expect(await readSms({ body })).toEqual([
      {
        type: 'consent',
        sender: { kind: 'phone', value: sms.from },
        consent,
        dedupeKey: `${sid}:consent`,
        text: body,
      },
    ]);
  });

  test.each([
    'stop charging me',
    'Please stop',
    'STOP.',
    'STOP!',
    'end of contract?',
    'I need help',
    'cancel my order',
    'S T O P',
    'stopp',
    '',
  ])('%j is a message: only the bare word counts', async (body) => {
    expect((await readSms({ body })).map((event) => event.type)).toEqual(['message']);
  });

  test('a word of the operator’s own, as Advanced Opt-Out reports it', async () => {
    const params = { ...inboundParams({ ...sms, body: 'BERHENTI' }), OptOutType: 'STOP' };
    expect(await read(form(params))).toMatchObject([
      { type: 'consent', consent: 'opt-out', text: 'BERHENTI' },
    ]);
  });

  test('YES opts in and is an answer too, which must not be lost', async () => {
    expect(await readSms({ body: 'Yes' })).toMatchObject([
      { type: 'consent', consent: 'opt-in' },
      { type: 'message', text: 'Yes' },
    ]);
  });

  test('a picture sent with the word STOP is not thrown away', async () => {
    const media = [{ url: 'https://api.twilio.com/x/ME1', type: 'image/png' }];
    expect((await readSms({ body: 'stop', media })).map((event) => event.type)).toEqual([
      'consent',
      'message',
    ]);
  });
});

describe('receipts', () => {
  const status = { accountSid, sid, from: '+15005550006', to: '+6281234567890' };
  const readStatus = (
    changes: Partial<Parameters<typeof statusParams>[0]>,
    path = '/hooks/sms?m=k3v9x0q2m7',
  ) => read(form(statusParams({ ...status, status: 'sent', ...changes })), path);

  test.each([
    ['accepted', 'accepted'],
    ['scheduled', 'accepted'],
    ['queued', 'accepted'],
    ['sending', 'accepted'],
    ['sent', 'sent'],
    ['delivered', 'delivered'],
    ['read', 'read'],
    ['partially_delivered', 'sent'],
    ['undelivered', 'failed'],
    ['failed', 'failed'],
    ['canceled', 'failed'],
    ['DELIVERED', 'delivered'],
  ])('%s is %s', async (twilio, ours) => {
    expect(await readStatus({ status: twilio })).toMatchObject([
      {
        type: 'receipt',
        status: ours,
        about: { externalIds: [sid], token: 'k3v9x0q2m7' },
        recipient: { kind: 'phone', value: '+6281234567890' },
      },
    ]);
  });

  test('a failure says its code, whether it is final, and why in words', async () => {
    expect(await readStatus({ status: 'undelivered', errorCode: 30005 })).toMatchObject([
      {
        status: 'failed',
        code: '30005',
        permanent: true,
        reason: expect.stringContaining('does not know this number'),
      },
    ]);
    expect(await readStatus({ status: 'undelivered', errorCode: 30003 })).toMatchObject([
      { code: '30003', permanent: false },
    ]);
    expect(await readStatus({ status: 'failed', errorCode: 39999 })).toMatchObject([
      { code: '39999', permanent: true, reason: 'Error 39999 of Twilio' },
    ]);
    const [noCode] = await readStatus({ status: 'failed' });
    expect(noCode).not.toHaveProperty('code');
    expect(noCode).toMatchObject({ status: 'failed', reason: 'Twilio says: failed' });
  });

  test.each(['', '?m=', '?m=../../x', '?m=UPPER', `?m=${'a'.repeat(300)}`, '?n=abc'])(
    'a query %j that is no token of ours is not passed on',
    async (query) => {
      const [event] = await readStatus({}, `/hooks/sms${query}`);
      expect(event).toMatchObject({ type: 'receipt', about: { externalIds: [sid] } });
      expect(event).not.toHaveProperty('about.token');
    },
  );

  test.each(['teleported', '__proto__', 'constructor', 'x'.repeat(5000)])(
    'an unknown status is ignored',
    async (word) => {
      expect(await readStatus({ status: word })).toMatchObject([{ type: 'ignored' }]);
    },
  );
});

describe('what is none of ours', () => {
  test.each([
    {
      name: 'WhatsApp',
      changes: { from: 'whatsapp:+6281234567890', to: 'whatsapp:+15005550006' },
      reason: /whatsapp/,
    },
    { name: 'RCS', changes: { from: 'rcs:someone' }, reason: /rcs/ },
    { name: 'Messenger', changes: { from: 'messenger:12345' }, reason: /messenger/ },
    { name: 'no sender', changes: { from: '' }, reason: /From/ },
    { name: 'an endless sender', changes: { from: `+${'1'.repeat(600)}` }, reason: /longer/ },
    { name: 'an endless SID', changes: { sid: 'S'.repeat(300) }, reason: /longer/ },
  ])('$name is ignored, with the reason', async ({ changes, reason }) => {
    expect(await readSms(changes)).toMatchObject([
      { type: 'ignored', reason: expect.stringMatching(reason) },
    ]);
  });

  test('a mail in the place of a webhook is ignored', async () => {
    const { events } = await normalise(
      rawOf({
        envelope: { via: 'smtp', to: ['a@b.example'] },
        body: Buffer.from('Subject: hi\r\n\r\nhello'),
      }),
    );
    expect(events).toMatchObject([{ type: 'ignored' }]);
  });
});

test('no bytes whatever make it throw anything but a ChannelError, or break the schema', async () => {
  const names = fc.constantFrom(
    ...Object.keys(inboundParams(sms)),
    'MessageStatus',
    'MediaUrl0',
    'OptOutType',
    '__proto__',
  );
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    fc.dictionary(names, fc.string({ unit: 'binary' })).map((params) => Buffer.from(form(params))),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    fc.dictionary(names, fc.jsonValue()).map((params) => Buffer.from(JSON.stringify(params))),
  );
  await fc.assert(
    fc.asyncProperty(body, fc.string({ unit: 'binary' }), async (bytes, query) => {
      try {
        for (const event of await read(bytes, `/hooks/sms?${query}`)) inboundEventSchema.parse(event);
      } catch (error) {
        expect(error).toBeInstanceOf(ChannelError);
      }
    }),
    { numRuns: 500 },
  );
});
