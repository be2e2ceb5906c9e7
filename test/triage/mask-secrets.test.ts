import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maskHtml, maskText } from '../../src/triage/mask.ts';

describe('a PIN, a password or a one-time code is hidden', () => {
  test.each([
    ['OTP: 482913', 'OTP: ••••'],
    ['my pin is 1234', 'my pin is ••••'],
    ['MY PIN CODE 123456 pls', 'MY PIN CODE •••• pls'],
    ['cvv 123, exp 12/27', 'cvv ••••, exp 12/27'],
    ['CVV2=1234', 'CVV2=••••'],
    ['card 4111 1111 1111 1111 exp 12/27 cvv 123', 'card •••• 1111 exp 12/27 cvv ••••'],
    ['pin\n123456', 'pin\n••••'],
    ['otp123456', 'otp••••'],
    ['the otp they sent me just now 482 913', 'the otp they sent me just now ••••'],
    ['PIN 1234, 4321 or 9999', 'PIN ••••, •••• or ••••'],
    ['482913 is your Grab verification code', '•••• is your Grab verification code'],
    ['G-482913 is your Google verification code.', '•••• is your Google verification code.'],
    [
      'Your OTP for payment of IDR 150.000 at Tokopedia is 482913.',
      'Your OTP for payment of IDR 150.000 at Tokopedia is ••••.',
    ],
    ['verification code: A1B2C3', 'verification code: ••••'],
    ['password is hunter', 'password is ••••'],
    ['my password is "hunter2".', 'my password is "••••".'],
    ['password is: hunter2', 'password is: ••••'],
    ['the password I use is Hello123', 'the password I use is ••••'],
    ['security code on the back 737', 'security code on the back ••••'],
    ['Your code is 482913', 'Your code is ••••'],
    ['Kode: 482 913', 'Kode: ••••'],
    ['Password=Tr0ub4dor&3', 'Password=••••'],
    ['kode verifikasi saya 482913', 'kode verifikasi saya ••••'],
    ['482913 adalah kode OTP Anda', '•••• adalah kode OTP Anda'],
    ['PIN saya 123456 tidak bisa', 'PIN saya •••• tidak bisa'],
    ['kata sandi saya adalah mawar', 'kata sandi saya adalah ••••'],
    ['Password baru saya: Kucing!9', 'Password baru saya: ••••'],
    ['kata laluan saya ialah harimau', 'kata laluan saya ialah ••••'],
    ['kod TAC 482913', 'kod TAC ••••'],
    ['【支付宝】验证码：482913，请勿告诉他人', '【支付宝】验证码：••••，请勿告诉他人'],
    ['验证码482913', '验证码••••'],
    ['482913是您的验证码', '••••是您的验证码'],
    ['我的密码是abc123', '我的密码是••••'],
    ['支付密码 １２３４５６', '支付密码 ••••'],
    ['mật khẩu là 123456', 'mật khẩu là ••••'],
    ['https://x.example/login?user=a&otp=482913', 'https://x.example/login?user=a&otp=••••'],
  ])('%s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
    expect(maskText(masked)).toBe(masked);
  });

  test.each([
    [
      '<p>Your OTP is <b style="color:#123456">482913</b></p>',
      '<p>Your OTP is <b style="color:#123456">••••</b></p>',
    ],
    ['<tr><td>PIN</td>\n<td>&#49;234</td></tr>', '<tr><td>PIN</td>\n<td>••••</td></tr>'],
    [
      '<a href="https://x.example/?a=1&amp;otp=482913">in</a>',
      '<a href="https://x.example/?a=1&amp;otp=••••">in</a>',
    ],
    ['<input type="password" maxlength="128">', '<input type="password" maxlength="128">'],
  ])('in HTML: %s', (html, masked) => {
    expect(maskHtml(html)).toBe(masked);
    expect(maskHtml(masked)).toBe(masked);
  });
});

describe('what is no secret stays, though such a word is near', () => {
  test.each([
    'my otp not received, my order number is 123456',
    'OTP failed, order 4829133',
    'forgot pin for account 12345678',
    'I entered my PIN and was charged 5000',
    'otp never came after I paid Rp 50000',
    'pin salah 3 kali',
    'top up 500000 tapi PIN salah',
    'PIN 50.000',
    'the otp is valid for 300 seconds',
    'password reset on 12 Nov 2026',
    "I don't know what my password is anymore",
    'error code 500301, kode pos 401123, promo code: 123456',
    'failed with code: 5003',
    'I changed my password in 2025',
    'my password is not working',
    'password: how do I reset it',
    'I forgot my password. Order 20261124 is late',
    'forgot my PIN, call me on +62 812 3456 7890',
    'shopping for 123456, opinion 4444',
    'kata sandi saya tidak bisa, transaksi 123456',
    '我的密码错误，订单号 123456',
    '密码输入错误，转账500000失败',
    'verification code is not arriving since 2025',
    'OTP 2026-11-24 11:19',
    'pin 4111 1111 1111 1112',
  ])('%s', (text) => {
    expect(maskText(text)).toBe(text);
    expect(maskHtml(`<p>${text}</p>`)).toBe(`<p>${text}</p>`);
  });
});

test('masking a second time changes nothing, whatever words and numbers meet', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'otp',
      'pin',
      'password',
      'is',
      ':',
      'my',
      'kode verifikasi',
      '验证码',
      '是',
      '密码',
      'and',
      ',',
      '.',
      '\n',
      '/',
      '-',
      '••••',
      '•••• 1111',
      'order',
      'cvv',
      '4111 1111 1111 1111',
      '12/27',
      'word',
      '<b>',
      '</b>',
      '<td>',
      '&#52;',
      '&nbsp;',
    ),
    fc.stringMatching(/^\d{1,9}$/),
    fc.string({ maxLength: 5 }),
  );
  const text = fc
    .array(fc.tuple(piece, fc.constantFrom(' ', '')), { maxLength: 14 })
    .map((pieces) => pieces.flat().join(''));
  fc.assert(
    fc.property(text, (text) => {
      const masked = maskText(text);
      expect(maskText(masked)).toBe(masked);
      const html = maskHtml(text);
      expect(maskHtml(html)).toBe(html);
    }),
    { seed: 11, numRuns: 10_000 },
  );
});
