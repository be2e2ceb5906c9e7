import { describe, expect, test } from '@jest/globals';
import { cutQuote } from '../../channels/email/read/cut-quote.ts';
import { fixtureNames, readFixture } from './read-harness.ts';

/** The new words of each reply; what is quoted or signed below them must not come again. */
const NEW_WORDS: Record<string, string> = {
  'reply-gmail-en': 'The parcel is still not here.',
  'reply-gmail-id': 'Paketnya belum sampai juga, Kak.',
  'reply-gmail-ms': 'Bungkusan saya masih belum sampai.',
  'reply-gmail-zh-hans': '包裹还没有收到，请帮忙查一下。',
  'reply-gmail-zh-hant': '包裹還沒有收到，請幫忙查一下。',
  'reply-gmail-th': 'ยังไม่ได้รับพัสดุเลยค่ะ',
  'reply-gmail-vi': 'Tôi vẫn chưa nhận được hàng.',
  'reply-gmail-ja': '荷物がまだ届いていません。',
  'reply-gmail-ar': 'لم يصلني الطرد حتى الآن.',
  'reply-gmail-de': 'Das Paket ist immer noch nicht da.',
  'reply-gmail-fr': "Le colis n'est toujours pas arrivé.",
  'reply-gmail-es': 'El paquete todavía no ha llegado.',
  'reply-outlook-en': 'Please answer.',
  'reply-outlook-de': 'Bitte um Antwort.',
  'reply-outlook-fr': "J'attends votre réponse.",
  'reply-outlook-es': 'Espero su respuesta.',
  'reply-outlook-id': 'Mohon dibalas ya.',
  'reply-outlook-ms': 'Sila balas.',
  'reply-outlook-zh-hans': '请回复。',
  'reply-outlook-zh-hant': '請回覆。',
  'reply-outlook-th': 'กรุณาตอบกลับด้วยค่ะ',
  'reply-outlook-vi': 'Xin trả lời giúp tôi.',
  'reply-outlook-ja': 'ご返信をお願いします。',
  'reply-outlook-ar': 'أرجو الرد.',
  'reply-wrapped-attribution': 'Still waiting.',
  'reply-original-message': 'Noted, thanks.',
  'reply-qq-gb18030': '包裹坏了，怎么退货？',
  'reply-foxmail-gb2312': '已经付款了。',
  'reply-netease-163': '没有收到退款。',
  'reply-netease-163-zh': '没有收到退款。',
  'reply-thunderbird-flowed': 'This paragraph was wrapped by the mail program, it is one line only.',
  'reply-bottom-posted': 'Size 42, black.',
  'reply-inline-answers': 'Size 42.\n\nBlack.',
  'reply-signature-dashes': 'Bitte stornieren.',
  'reply-iphone-en': 'Yes please',
  'reply-iphone-id': 'Iya, tolong dibatalkan',
  'reply-iphone-zh': '好的',
  'reply-iphone-ja': 'お願いします',
  'reply-iphone-de': 'Ja bitte',
  'reply-iphone-fr': 'Oui merci',
  'reply-iphone-es': 'Sí, por favor',
  'reply-iphone-th': 'ค่ะ',
  'reply-iphone-vi': 'Vâng',
  'reply-iphone-ar': 'نعم من فضلك',
  'reply-apple-html-only': 'I want my money back.',
  'reply-outlook-web-html-only': 'Grüße, ich warte noch.',
  'reply-zoho': 'Still nothing.',
  'reply-outlook-ios': 'Any news?',
  'reply-proton': 'Any news?',
  'reply-yahoo-html-only': 'Belum ada kabar.',
};
/** Nothing but a quote, or but a line of a telephone: then that is what was sent. */
const KEPT_WHOLE = ['reply-only-quote', 'reply-device-lines-only'];

describe('what the customer wrote himself', () => {
  test('every reply among the fixtures has an expectation', () => {
    const replies = fixtureNames().filter(
      (name) => name.startsWith('reply-') && !name.startsWith('reply-to-'),
    );
    expect(replies).toEqual([...Object.keys(NEW_WORDS), ...KEPT_WHOLE].sort());
  });

  test.each(Object.entries(NEW_WORDS))(
    '%s: quote and signature are cut, and kept in fullText',
    async (name, words) => {
      const { message } = await readFixture(name);
      expect(message.text).toBe(words);
      expect(message.fullText!.length).toBeGreaterThan(message.text.length);
      expect(message.automation).toBe('none');
    },
  );

  test.each(KEPT_WHOLE)('%s: is never cut to nothing', async (name) => {
    const { message } = await readFixture(name);
    expect(message.text.trim()).not.toBe('');
    expect(message.fullText).toBeUndefined();
  });

  test('a forwarded mail is read whole: it is what the customer wants to be read', async () => {
    expect((await readFixture('forward-gmail')).message.text).toContain(
      'Your invoice 77 over 120 EUR is due.',
    );
  });

  test.each([
    ['journey-is-no-quote', 'Terima kasih'],
    ['wrote-is-no-quote', 'Where is it?'],
  ])('%s: words that look like a quote are kept', async (name, last) => {
    const { message } = await readFixture(name);
    expect(message.text.endsWith(last)).toBe(true);
    expect(message.fullText).toBeUndefined();
  });

  test.each([
    ['a list of things with two dashes', 'I want:\n-- one --\n-- two --\nThanks'],
    ['a question that names an address', 'Is this yours: shop@mail.example?'],
    ['a shell prompt', 'I ran a > b and it failed'],
    ['a price list', 'From: 10 EUR\nTo: 20 EUR'],
  ])('%s is no quote', (_what, text) => {
    expect(cutQuote(text, 'Hi')).toBe(text);
  });

  test('the attribution above a quoted block goes with it, the words around stay', () => {
    const text = 'Above.\n\nAm 01.02.26 um 10:11 schrieb Shop:\n> quoted\n> more\n\nBelow.';
    expect(cutQuote(text, 'Re: x')).toBe('Above.\n\nBelow.');
  });

  test('right above a marked quote an attribution needs no time and no address', () => {
    expect(cutQuote('Thanks.\n\nOn Tue, 24 Nov 2026, Shop wrote:\n> quoted', 'Re: x')).toBe('Thanks.');
    expect(cutQuote('What I then wrote:\n> quoted', 'Re: x')).toBe('What I then wrote:');
  });
});
