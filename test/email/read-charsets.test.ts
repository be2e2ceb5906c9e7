import { describe, expect, test } from '@jest/globals';
import { decodeText } from '../../channels/email/read/decode-text.ts';
import { unflow } from '../../channels/email/read/unflow.ts';
import { flagsOf, rawOf, read, readFixture } from './read-harness.ts';

describe('letters of every language arrive as they were written', () => {
  test.each([
    ['gb2312', '订单还没有发货'],
    ['gb18030', '訂單還沒有發貨，謝謝𠮷'],
    ['big5', '訂單還沒有出貨'],
    ['shift_jis', '注文はまだ届きません'],
    ['iso-2022-jp', '注文はまだ届きません'],
    ['euc-jp', '注文はまだ届きません'],
    ['euc-kr', '주문이 아직 도착하지 않았습니다'],
    ['ks_c_5601-1987', '주문이 아직 도착하지 않았습니다'],
    ['windows-874', 'ยังไม่ได้รับสินค้า'],
    ['tis-620', 'ยังไม่ได้รับสินค้า'],
    ['windows-1258', 'Đơn hàng chưa tới'],
    ['koi8-r', 'Заказ ещё не пришёл'],
    ['windows-1251', 'Заказ ещё не пришёл'],
    ['windows-1256', 'لم يصل الطلب'],
    ['iso-8859-15', 'Prix: 120 € déjà payé'],
    ['utf-16', 'Pesanan belum datang'],
    ['missing-utf8', 'Déjà payé, 已付款'],
    ['missing-latin1', 'Déjà payé'],
    ['lies-ascii', 'Déjà payé'],
    ['html-meta', '订单'],
  ])('charset-%s', async (name, words) => {
    const { message } = await readFixture(`charset-${name}`);
    expect(message.text).toBe(words);
    expect(flagsOf(message)).not.toContain('charset-unknown');
  });

  test('a charset that nobody knows is read as what the bytes are, and flagged', async () => {
    const { message } = await readFixture('charset-unknown');
    expect(message.text).toBe('Réclamation n° 7');
    expect(flagsOf(message)).toContain('charset-unknown');
  });

  test('UTF-7 never becomes markup', async () => {
    expect((await readFixture('charset-utf7-refused')).message.text).toBe('+ADw-script+AD4-');
  });

  test('bytes that are wrong in their charset become replacement characters, not an error', () => {
    expect(decodeText(Buffer.from([0x61, 0xc3, 0x28, 0x62]), 'utf-8').text).toBe('a\ufffd(b');
    expect(decodeText(Buffer.from([0x81]), 'gb18030').text).toBe('\ufffd');
  });

  test.each([
    ['subject-split-inside-character', 'Bestellung für Jürgen 订单'],
    ['header-raw-8bit-utf8', 'Beschwerde über Größe'],
    ['header-raw-8bit-gbk', '订单问题'],
    ['reply-foxmail-gb2312', '回复: 订单1042'],
  ])('%s: the subject is readable', async (name, subject) => {
    expect((await readFixture(name)).message.subject).toBe(subject);
  });

  test('broken encoded words leave the rest of the subject readable', async () => {
    const { message } = await readFixture('header-broken-encoded-words');
    expect(message.subject).toMatch(/^✓ ok.*end$/);
  });

  test('NULs and other control characters are dropped', async () => {
    expect((await readFixture('nul-bytes')).message.text).toBe('Hello there');
    const { message } = await read(rawOf('From: a@b.example\r\nSubject: a\u0007b\r\n\r\nx\u001b[31my\r\n'));
    expect([message.subject, message.text]).toEqual(['ab', 'x[31my']);
  });

  test('flowed lines are joined, quotes and the signature line are not', () => {
    expect(unflow('one \ntwo\n> q \n> r\n-- \nname \nend', false)).toBe('one two\n> q r\n-- \nname end');
    expect(unflow('ein \nwort\n stuffed', true)).toBe('einwort\nstuffed');
  });
});
