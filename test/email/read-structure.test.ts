import { createHash } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { MAIL_BYTES_MAX } from '../../channels/email/read/limits.ts';
import {
  bytesOf,
  fixture,
  fixtureNames,
  flagsOf,
  rawOf,
  read,
  readFixture,
  streamed,
} from './read-harness.ts';

describe('what a mail is made of', () => {
  test.each([
    ['html-only', 'Order\n\nMy order & refund\nSee this <https://mail.example/x>'],
    ['alternative-empty-plain', 'Only the HTML says something.'],
    ['apple-text-image-text', 'Here is the broken shoe:\n\nAnd this is the box.'],
    ['list-footer-html', 'Plain words first.\nThen HTML words.'],
    ['boundary-missing', 'Words without any boundary.'],
    ['boundary-never-closed', 'The end was cut'],
    ['base64-broken', 'Hello world'],
    ['quoted-printable-broken', 'Price =ZZ 100 and more = end\ufffd'],
    ['signed-smime', 'Signed words.'],
    ['lf-only', 'Unix words'],
  ])('%s: the words are found', async (name, words) => {
    expect((await readFixture(name)).message.text).toBe(words);
  });

  test.each([
    ['nested-message', ['Look.eml', 'message/rfc822', 287]],
    ['nested-message-inline', ['message.eml', 'message/rfc822', 287]],
    ['calendar-invite', ['invite.ics', 'text/calendar', 79]],
    ['outlook-winmail', ['winmail.dat', 'application/ms-tnef', 8]],
    ['signed-smime', ['smime.p7s', 'application/pkcs7-signature', 3]],
    ['apple-text-image-text', ['IMG_0001.jpg', 'image/jpeg', 54]],
    ['boundary-never-closed', ['cut.pdf', 'application/pdf', 8]],
  ])('%s: what is no text is an attachment', async (name, [file, type, size]) => {
    const { message } = await readFixture(name);
    expect(message.attachments).toMatchObject([{ name: file, type, size }]);
  });

  test('a message inside the message is kept as its bytes and not mixed into the words', async () => {
    const normalised = await readFixture('nested-message');
    expect(normalised.message.text).toBe('The outer words.');
    const inner = [...(await bytesOf(normalised)).values()][0]!;
    expect(inner.toString()).toMatch(/^From: Friend[\s\S]*The inner words\.[\s\S]*--inner--/);
  });

  test('a picture shown in the HTML keeps its content id on both sides', async () => {
    const { message } = await readFixture('inline-picture');
    expect(message.attachments).toMatchObject([{ name: 'crack.png', contentId: 'pic1@mail.example' }]);
    expect(message.html).toContain('src="cid:pic1@mail.example"');
  });

  test('file names are decoded, and lose folders and what turns the reading direction', async () => {
    const { message } = await readFixture('name-rfc2231');
    expect(message.attachments.map(({ name }) => name)).toEqual([
      '订单确认.pdf',
      '订单.pdf',
      '__.._etc_ gpj.exe',
      'attachment-5.png',
    ]);
  });

  test('a mail whose parts cannot be found is shown as it came, and kept whole', async () => {
    const normalised = await readFixture('boundary-never-comes');
    expect(normalised.message.text).toContain('Words behind another boundary.');
    expect(flagsOf(normalised.message)).toContain('no-parts');
    expect((await bytesOf(normalised)).get('original')).toEqual(fixture('boundary-never-comes'));
  });

  test.each([
    ['no-header-only-words', 'Hello, where is my order?\nThanks'],
    ['empty', ''],
  ])('%s: bytes without a header are still a message', async (name, words) => {
    const { message } = await readFixture(name);
    expect(message.text).toBe(words);
    expect(message.sender.value).toBe('unknown@invalid');
    expect(message.externalId).toBe(
      `<${createHash('sha256').update(fixture(name)).digest('hex')}@missing.invalid>`,
    );
  });

  test('words that a program gave a file name are words where there are no others', async () => {
    const named = (more: string) =>
      rawOf(
        `From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${more}--b\r\nContent-Type: text/plain; name=message.txt\r\n\r\nNamed.\r\n--b--\r\n`,
      );
    for (const raw of [named(''), streamed(named(''))]) {
      const { message } = await read(raw);
      expect([message.text, message.attachments]).toEqual(['Named.', []]);
    }
    const { message } = await read(named('--b\r\nContent-Type: text/plain\r\n\r\nWritten.\r\n'));
    expect([message.text, message.attachments.map(({ name }) => name)]).toEqual([
      'Written.',
      ['message.txt'],
    ]);
  });

  test('a mail from ourselves, or one that went round in circles, says so', async () => {
    const hops = 'Received: from a by b\r\n'.repeat(60);
    const { message } = await read(rawOf(`${hops}From: Support+x@shop.example\r\nSubject: x\r\n\r\nx`));
    expect(flagsOf(message)).toEqual(expect.arrayContaining(['from-own-address', 'too-many-hops']));
  });

  test('a text longer than is read as text is cut, flagged and attached whole', async () => {
    const words = 'words and '.repeat(200_000);
    const raw = rawOf(`From: a@b.example\r\nContent-Type: text/plain\r\n\r\n${words}`);
    const normalised = await read(streamed(raw, 64 * 1024));
    expect(normalised.message.text.length).toBeLessThan(words.length);
    expect(flagsOf(normalised.message)).toContain('text-cut');
    expect([...(await bytesOf(normalised)).values()][0]!.toString()).toBe(words);
  });

  test('only a mail above the limit of bytes is refused', async () => {
    const raw = rawOf('From: a@b.example\r\n\r\nx');
    raw.body.size = MAIL_BYTES_MAX + 1;
    await expect(read(raw)).rejects.toMatchObject({ code: 'too_complex', disposition: 'permanent' });
  });

  test('bytes that cannot be read are an error, not half a mail', async () => {
    const bytes = fixture('nested-message');
    const raw = rawOf(bytes);
    const broken = function* () {
      yield bytes.subarray(0, 100);
      throw new Error('store away');
    };
    raw.body = { size: bytes.length, open: () => Readable.from(broken(), { objectMode: false }) };
    await expect(read(raw)).rejects.toThrow('store away');
  });

  test('bytes that end too early are an error, and nobody waits for the rest', async () => {
    const bytes = fixture('nested-message');
    const raw = rawOf(bytes);
    const open = () => {
      const stream = new PassThrough();
      stream.write(bytes.subarray(0, 100), () => stream.destroy());
      return stream;
    };
    raw.body = { size: bytes.length, open };
    await expect(read(raw)).rejects.toThrow(/premature/i);
  });

  test('bytes that fail while parts are read reject the reading', async () => {
    const raw = streamed(rawOf(fixture('nested-message')));
    const normalised = await read(raw);
    raw.body.open = () => new PassThrough().destroy(new Error('store away'));
    await expect(bytesOf(normalised)).rejects.toThrow('store away');
  });

  test('a visitor that leaves a part early, or fails, harms no other', async () => {
    const big = `From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n\r\n${'x'.repeat(1_000_000)}\r\n--b\r\nContent-Type: image/gif\r\n\r\nsecond\r\n--b--\r\n`;
    const { parts } = await read(streamed(rawOf(big), 64 * 1024));
    const seen: string[] = [];
    await parts.read(async (_part, bytes) => {
      for await (const chunk of bytes) {
        seen.push((chunk as Buffer).toString('latin1', 0, 6));
        break;
      }
    });
    expect(seen).toEqual(['xxxxxx', 'second']);
    await expect(parts.read(async () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
  });
});

describe('the same bytes give the same events and parts', () => {
  test.each(fixtureNames())('%s: twice, and from a stream', async (name) => {
    const raw = rawOf(fixture(name));
    const first = await read(raw);
    for (const again of [
      await read(raw),
      await read(streamed(raw)),
      await read(streamed(raw, 1 + name.length)),
    ]) {
      expect(again.events).toEqual(first.events);
      expect(isDeepStrictEqual(await bytesOf(again), await bytesOf(first))).toBe(true);
    }
    const parts = await bytesOf(first);
    for (const { part, size } of first.message.attachments) expect(parts.get(part!)!.length).toBe(size);
  });
});
