import { describe, expect, test } from '@jest/globals';
import { readDate } from '../../channels/email/read/read-date.ts';
import { REFERENCES_MAX } from '../../src/contract/index.ts';
import {
  CONFIG,
  CONVERSATION_TOKEN,
  fixture,
  flagsOf,
  MESSAGE_TOKEN,
  rawOf,
  read,
  readFixture,
} from './read-harness.ts';

const HEAD =
  'From: A <a@mail.example>\r\nTo: support@shop.example\r\nMessage-ID: <one@mail.example>\r\nDate: Fri, 2 Jan 2026 10:00:00 +0700\r\nSubject: Hi\r\n';

describe('who wrote', () => {
  test.each([
    ['from-several-authors', 'a@mail.example', ['from-several']],
    ['from-twice', 'siti@mail.example', ['from-several']],
    ['from-missing', 'siti@mail.example', ['from-missing']],
    ['from-without-address', 'siti@mail.example', ['from-unreadable']],
    ['from-address-as-name', 'thief@evil.example', []],
    ['from-encoded-address', 'thief@evil.example', []],
    ['from-idn', 'kontakt@bücher.example', []],
    ['from-idn-punycode', 'kontakt@xn--bcher-kva.example', []],
    ['binary-rubbish', 'unknown@invalid', ['sender-unknown']],
  ])('%s: the identity is %s', async (name, value, flags) => {
    const { message } = await readFixture(name);
    expect(message.sender).toMatchObject({ kind: 'email', value });
    expect(flagsOf(message)).toEqual(expect.arrayContaining(flags));
    if (flags.length === 0) expect(message.context).toBeUndefined();
  });

  test('a Sender field and a display name are never the identity', async () => {
    const { message } = await read(
      rawOf(`Sender: boss@shop.example\r\nFrom: "boss@shop.example" <a@mail.example>\r\n\r\nx`),
    );
    expect(message.sender).toEqual({ kind: 'email', value: 'a@mail.example', name: 'boss@shop.example' });
  });

  test('without From the envelope counts before a Return-Path field', async () => {
    const raw = rawOf('Return-Path: <forged@evil.example>\r\nSubject: x\r\n\r\nx', {
      from: 'Real@Mail.example',
    });
    expect((await read(raw)).message.sender.value).toBe('real@mail.example');
  });

  test.each([
    ['reply-to-elsewhere', ['boss@elsewhere.example'], ['reply-to-other-domain']],
    ['reply-to-same', undefined, []],
  ])('%s: where answers are wanted', async (name, addresses, flags) => {
    const { message } = await readFixture(name);
    expect(message.replyTo?.map(({ value }) => value)).toEqual(addresses);
    expect(flagsOf(message)).toEqual(flags);
  });

  test('groups are taken apart, quoted commas kept, each recipient is named once, ours included', async () => {
    const { message } = await readFixture('recipients-group');
    expect(message.recipients.map(({ value, role }) => `${role} ${value}`)).toEqual([
      'to one@shop.example',
      'to two@shop.example',
      'to support@shop.example',
      'cc siti@mail.example',
      'cc jin@mail.example',
    ]);
    expect(message.recipients[2]!.name).toBe('Support, Shop');
    expect(message.recipients[4]!.name).toBe('金');
  });
});

describe('which thread', () => {
  test.each([
    ['references-folded-and-odd', ['<a@x>', '<b@x>', '<c@x>', '<d@x>', '<e@x>'], ['<e@x>']],
    ['references-without-brackets', ['<a@x>', '<b@x>'], ['<b@x>']],
    [
      'reply-gmail-en',
      ['<first@mail.example>', `<${MESSAGE_TOKEN}@shop.example>`],
      [`<${MESSAGE_TOKEN}@shop.example>`],
    ],
  ])('%s', async (name, references, inReplyTo) => {
    const { message } = await readFixture(name);
    expect(message.thread.references).toEqual(references);
    expect(message.inReplyTo).toEqual(inReplyTo);
  });

  test('of too many references the first and the last are kept', async () => {
    const { message } = await readFixture('references-500');
    expect(message.thread.references).toHaveLength(REFERENCES_MAX);
    expect(message.thread.references[0]).toBe('<r0@mail.example>');
    expect(message.thread.references.at(-1)).toBe('<r499@mail.example>');
    expect(flagsOf(message)).toEqual(['references-cut']);
  });

  test.each([
    ['token-in-to', CONVERSATION_TOKEN],
    ['token-in-alias-cc', CONVERSATION_TOKEN],
    ['token-in-delivered-to', CONVERSATION_TOKEN],
    ['token-at-foreign-address', undefined],
    ['reply-to-same', undefined],
  ])('%s: the token of the conversation', async (name, token) => {
    expect((await readFixture(name)).message.thread.token).toBe(token);
  });

  test('the token is found in the envelope alone (a blind copy)', async () => {
    const raw = rawOf(fixture('reply-to-same'), {
      to: [`<support+${CONVERSATION_TOKEN}@shop.example>`.slice(1, -1)],
    });
    expect((await read(raw)).message.thread.token).toBe(CONVERSATION_TOKEN);
  });

  test('what was sent to a return path is linked to the message that it belonged to', async () => {
    const { message } = await readFixture('auto-reply-to-return-path');
    expect(message.inReplyTo).toEqual([`<${MESSAGE_TOKEN}@shop.example>`]);
    expect(message.thread.token).toBeUndefined();
  });
});

describe('what makes it the same mail', () => {
  const key = async (text: string) => (await read(rawOf(text))).message.dedupeKey;
  const mail = `${HEAD}Content-Type: text/plain\r\n\r\nThe words.\r\n`;

  test('another way here changes nothing: trace headers, line ends, transfer encoding, blank ends', async () => {
    const same = await key(mail);
    expect(
      await key(
        `Return-Path: <x@y.example>\r\nDelivered-To: z@y.example\r\nReceived: from a by b\r\n${mail}`,
      ),
    ).toBe(same);
    expect(await key(mail.replaceAll('\r\n', '\n'))).toBe(same);
    expect(await key(`${mail}\r\n\r\n`)).toBe(same);
    expect(
      await key(
        mail.replace(
          '\r\n\r\nThe words.',
          '\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nThe=20words.',
        ),
      ),
    ).toBe(same);
    expect(
      await key(
        mail.replace(
          '\r\n\r\nThe words.\r\n',
          '\r\nContent-Transfer-Encoding: base64\r\n\r\nVGhlIHdvcmRzLg==\r\n',
        ),
      ),
    ).toBe(same);
  });

  test.each([
    ['its words', 'The words.', 'Other words.'],
    ['its author', 'a@mail.example', 'b@mail.example'],
    ['its date', '10:00:00', '10:00:01'],
    ['its id', '<one@', '<two@'],
  ])('another mail is one that differs in %s, though all else is reused', async (_what, from, to) => {
    expect(await key(mail.replace(from, to))).not.toBe(await key(mail));
  });

  test('another attachment is another mail', async () => {
    const original = fixture('nested-message').toString();
    expect(await key(original.replace('The inner words', 'Changed words'))).not.toBe(await key(original));
  });

  test.each(['message-id-missing', 'message-id-unusable'])(
    '%s: an id is made from the bytes',
    async (name) => {
      const { message } = await readFixture(name);
      expect(message.externalId).toMatch(/^<[a-f0-9]{64}@missing\.invalid>$/);
      expect(flagsOf(message)).toEqual(['message-id-missing']);
    },
  );

  test('an id without brackets gets them', async () => {
    expect((await readFixture('message-id-without-brackets')).message.externalId).toBe(
      '<bare-id@mail.example>',
    );
  });
});

describe('what our own border says', () => {
  test.each([
    ['claims-trusted-above-forged', { spf: 'pass', dkim: 'pass', dmarc: 'pass' }],
    ['claims-forged-only', undefined],
    ['claims-of-another-domain', undefined],
  ])('%s', async (name, claims) => {
    expect((await readFixture(name)).message.claims).toEqual(claims);
  });

  test('nothing is believed where no border is trusted', async () => {
    const raw = rawOf(fixture('claims-trusted-above-forged'));
    expect((await read(raw, { address: CONFIG.address })).message.claims).toBeUndefined();
  });
});

describe('when', () => {
  test.each([
    ['Fri, 2 Jan 2026 10:00:00 +0700', '2026-01-02T03:00:00.000Z'],
    ['2 Jan 26 10:00 EST', '2026-01-02T15:00:00.000Z'],
    ['Fri,  2 Jan 2026 10:00:00 GMT', '2026-01-02T10:00:00.000Z'],
    ['2 January 2026 10:00:00 -0130 (comment)', '2026-01-02T11:30:00.000Z'],
    ['2026-01-02T10:00:00+07:00', '2026-01-02T03:00:00.000Z'],
    ['2026-01-02 10:00:00', '2026-01-02T10:00:00.000Z'],
    ['Fri, 2 Jan 2026 10:00:00', '2026-01-02T10:00:00.000Z'],
    ['yesterday at noon', undefined],
    ['1 Jan 0001 00:00:00 +0000', undefined],
    ['', undefined],
  ])('%s', (value, iso) => {
    expect(readDate(value)?.toISOString()).toBe(iso);
  });

  test('a nonsense date is flagged and left out', async () => {
    const { message } = await readFixture('date-nonsense');
    expect(message.sentAt).toBeUndefined();
    expect(flagsOf(message)).toEqual(['date-unreadable']);
  });
});
