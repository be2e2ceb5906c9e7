/**
 * PINs, passwords, one-time codes and security codes: three to eight digits beside a word that names one, or the
 * word that follows "password is". Between the two may stand other words, but none that makes the digits something
 * else (an order, an amount, a date, an account).
 */
import { MASK } from './mask-cards.ts';
import type { Span } from './mask-view.ts';

const PASSWORD =
  'pass ?words?|passwd|pwd|pass ?code|pass ?phrase|(?:kata )?sandi|kata laluan|mật khẩu|รหัสผ่าน|パスワード|密码|密碼|口令|كلمة (?:السر|المرور)';
const CODE =
  'otps?|[mt]?-?pins?|cvv2?|cvc2?|cvn|tac|one[- ]?time (?:pass ?word|pass ?code|code|pin)|(?:security|verification|auth(?:entication|orization)?|login|log-in|sign-?in|confirmation|access|2fa|secret) codes?|kode (?:verifikasi|otp|rahasia|keamanan|masuk|akses|sandi)|kod (?:pengesahan|keselamatan|otp|rahsia)|mã (?:xác (?:nhận|minh|thực)|otp|pin)|รหัส(?:ยืนยัน| ?otp)|認証コード|確認コード|暗証番号|验证码|驗證碼|校验码|校驗碼|动态码|動態碼|认证码|安全码|安全碼|رمز (?:التحقق|التأكيد)';
/** ASCII words stand alone: no "pin" in "shopping" or in "pin_id". */
const KEYWORD = new RegExp(`(?<![a-z_])(?:${PASSWORD}|${CODE})(?![a-z_])`, 'gi');
const ANY_PASSWORD = new RegExp(PASSWORD, 'i');

/** Characters between the word and its digits. */
const NEAR = 40;
/** The same where "is" stands right before them ("Your OTP for the payment at Tokopedia is 482913"). */
const FAR = 120;
/** What "is" speaks of stands this close before it ("order number is"). */
const SUBJECT = 20;

/** Stands for a card number that is already hidden; no pattern crosses it. For private use (Unicode 23.5). */
const COVER = '\ue000';

/** Digits as a person groups them, not a part of something longer (an amount, a date, a time, a longer number). */
// A masked neighbour counts as digits, or masking again would see a number where there was none.
const DIGITS =
  '(?:[A-Z]{1,2}-)?(?:\\d{3}[ -]\\d{3}|\\d{4}[ -]\\d{4}|\\d\\d \\d\\d \\d\\d|\\d(?:[ -]\\d){2,7}|\\d{3,8})(?![.,:/ -]?[\\d•])';
/** Units that make the digits an amount, a time or a count. */
const NOT_UNIT =
  '(?!\\s?(?:%|[$€£¥₫฿元块塊万萬次天分小]|x\\b|k\\b|(?:rupiah|ribu|rb|juta|idr|usd|sgd|myr|cny|rmb|ringgit|yuan|dollars?|euros?|baht|dong|times?|kali|attempts?|seconds?|secs?|detik|min(?:ute)?s?|menit|minit|hours?|hrs?|jam|days?|hari|weeks?|minggu|months?|years?|tahun|bulan|customers?|users?)\\b))';
const NEAR_DIGITS = new RegExp(
  `([^\\d•${COVER}]{0,${NEAR}}?)(?<![\\d.,+#$€£¥₫฿•-])(${DIGITS})${NOT_UNIT}`,
  'yi',
);
const IS = '(?:\\bis|\\bare|\\badalah|\\bialah|\\byaitu|\\biaitu|\\blà|[:=：＝]|是|为|為)';
const FAR_DIGITS = new RegExp(
  `((?:[^•${COVER};!?。！？\\n.,]|[.,](?=\\d)){0,${FAR}}?)${IS}\\s{0,3}(${DIGITS})${NOT_UNIT}`,
  'yi',
);
/** More of them: "PIN 1234, 4321 or 9999". */
const MORE = new RegExp(
  `\\s{0,3}(?:,|/|\\bor\\b|\\band\\b|\\batau\\b|\\bdan\\b|或|和|、)\\s{0,3}(${DIGITS})${NOT_UNIT}`,
  'yi',
);
/** "482913 is your Grab verification code", "482913 adalah kode OTP Anda", "482913是您的验证码". */
const BEFORE = new RegExp(
  `(?<![\\d.,:/+#$€£¥•-])(${DIGITS})["'”’)\\]]?\\s{0,3}(?:(?:is|are|was|as|adalah|ialah|merupakan)\\s[^\\d•${COVER}.!?;\\n]{0,30}?|(?:是|为|為|作为)[^\\d•${COVER}。！？\\n]{0,12}?|[（(\\[]\\s?)(?<![a-z_])(?:${PASSWORD}|${CODE})(?![a-z_])`,
  'gi',
);

/** Words that make a year of what looks like one. */
const TIME = /\b(?:since|sejak|in|on|at|until|hingga|sampai|tanggal|tarikh|year|tahun)\b|年/i;
const YEAR = /^(?:19|20)\d\d$/;
/** A code that nothing names but its six or more digits ("your code is 482913", "Kode: 482913"). */
const BARE = new RegExp(
  `(?<!(?:error|promo|zip|postal|post|area|country|discount|voucher|coupon|referral|status|response|booking|product|sort|branch|bank|swift|reason|merchant|transaction|order|tracking|reference|invoice|ticket)[ -]?)(?<![a-z0-9_])(?:code|kode|kod)\\s{0,3}(?:${IS}[:：=]?)?\\s{0,3}((?:\\d{3}[ -]\\d{3}|\\d{6,8})(?![.,:/ -]?[\\d•]))${NOT_UNIT}`,
  'gi',
);

/** Words that make the digits behind them something else. */
const OTHER_THING =
  /\b(?:orders?|pesanan|ref(?:erence)?|txn|trx|transactions?|transaksi|invoices?|faktur|tickets?|tiket|cases?|accounts?|acct|rekening|akaun|akun|phones?|telepon|hp|mobile|amount|jumlah|nominal|saldo|balance|paid|pay|payment|bayar|charged?|debit(?:ed)?|deduct(?:ed)?|potong|lost|transfer(?:red)?|top ?-?up|refund|rp|idr|usd|rm|myr|sgd|error|status|room|zip|postal|version|v|id)\b|[#$€£¥₫฿]|订单|訂單|流水|交易|金额|金額|转账|轉賬|手机|手機|电话|電話|账号|賬號|账户|卡号|余额|充值|扣|编号/i;
/** "for your transaction": says what the code is for, not what the digits are. */
const PURPOSE =
  /\b(?:for|of|untuk|bagi|of)\s+(?:(?:your|the|this|my|an?)\s+)?[a-z-]+(?:\s+(?:of|at|di|to|ke)\b)?/gi;
/** A sentence that ends before the digits, with words of another behind it. */
const NEW_SENTENCE = /[.!?;。！？；]\s*\S*[\p{L}]/u;

/** The word that follows "password is", or a colon. */
const WORD = new RegExp(
  `(?:\\s(?:saya|aku|gue|ku|my|anda|kamu|baru|lama|akun|login|aplikasi|for [a-z]{1,20}(?: [a-z]{1,20})?)){0,3}(?:nya)?\\s{0,3}(?:(${IS}[:：=]?)|(?<=\\s)(?=\\S*\\d))\\s{0,3}["'“‘「]?([^\\s"'“”‘’「」<>•${COVER}]{3,64})`,
  'yi',
);
/** Codes of letters and digits, where a colon or "is" says that it is one. */
const MIXED = new RegExp(
  `\\s{0,3}${IS}\\s{0,3}((?=[A-Z0-9]*\\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{4,12})(?![A-Z0-9])`,
  'yi',
);
const NO_PASSWORD =
  /^(?:not|now|wrong|incorrect|correct|right|expired|invalid|valid|being|still|never|always|the|an?|my|your|too|very|only|also|just|required|needed|weak|strong|reset|changed|locked|blocked|disabled|rejected|forgotten|lost|stolen|leaked|hacked|compromised|saved|stored|unknown|different|same|case|working|ok(?:ay)?|fine|broken|empty|any ?more|supposed|used|asked|it|this|that|to|in|on|so|set|safe|secure|exposed|known|visible|old|new|what|how|where|why|when|which|please|because|but|and|for|can|could|did|does|was|https?:.*|salah|benar|tidak|tak|gak|ga|nggak|bukan|belum|sudah|udah|lupa|hilang|baru|apa|bagaimana|kenapa|telah|masih|yang|untuk|tolong|错.*|不.*|没.*|什么.*|正确.*|对的.*|多少.*|被.*|怎么.*|忘.*)$/i;
/** "I do not know what my password is anymore". */
const ASKED = /\bwhat(?:'s| is)? (?:\S{1,12} ){0,2}\S{1,12}$/i;
const TRAILING = /[.,;:!?)\]}。，！？；、）]+$/;

/** Every secret in the view; `hidden` are the ranges already taken, which no secret may touch. Sorted, apart. */
export function findSecrets(view: string, hidden: Span[]): Span[] {
  const text = blank(view, hidden);
  const spans: Span[] = [];
  for (const keyword of text.matchAll(KEYWORD)) {
    const behind = keyword.index + keyword[0].length;
    const word = ANY_PASSWORD.test(keyword[0]) ? passwordBehind(text, behind) : mixedBehind(text, behind);
    if (word) spans.push(word);
    else spans.push(...digitsBehind(text, behind));
  }
  for (const match of text.matchAll(BEFORE)) spans.push(spanOf(match.index, match[1]!));
  for (const match of text.matchAll(BARE))
    spans.push(spanOf(match.index + match[0].length - match[1]!.length, match[1]!));
  return apart(spans);
}

/** Covers the taken ranges, and the four digits that an earlier masking has kept. */
function blank(view: string, hidden: Span[]): string {
  let text = '';
  let end = 0;
  for (const { from, to } of hidden) {
    text += view.slice(end, from) + COVER.repeat(to - from);
    end = to;
  }
  return (text + view.slice(end)).replace(/•••• \d{4}(?!\d)/g, COVER.repeat(9));
}

function passwordBehind(text: string, at: number): Span | undefined {
  WORD.lastIndex = at;
  const match = WORD.exec(text);
  if (!match || ASKED.test(text.slice(Math.max(0, at - NEAR), at))) return undefined;
  const word = match[2]!.replace(TRAILING, '');
  if (word.length < 3 || NO_PASSWORD.test(word)) return undefined;
  // Without "is" it must look like one; a bare number is the business of digitsBehind.
  if (!match[1] && !/\p{L}/u.test(word)) return undefined;
  return spanOf(WORD.lastIndex - match[2]!.length, word);
}

function mixedBehind(text: string, at: number): Span | undefined {
  MIXED.lastIndex = at;
  const match = MIXED.exec(text);
  return match ? spanOf(MIXED.lastIndex - match[1]!.length, match[1]!) : undefined;
}

function digitsBehind(text: string, at: number): Span[] {
  NEAR_DIGITS.lastIndex = at;
  const near = NEAR_DIGITS.exec(text);
  let found: Span | undefined;
  if (
    near &&
    !OTHER_THING.test(near[1]!) &&
    !(YEAR.test(near[2]!) && TIME.test(near[1]!)) &&
    !NEW_SENTENCE.test(near[1]!)
  ) {
    found = spanOf(NEAR_DIGITS.lastIndex - near[2]!.length, near[2]!);
  } else {
    FAR_DIGITS.lastIndex = at;
    const far = FAR_DIGITS.exec(text);
    if (far && !OTHER_THING.test(far[1]!.replace(PURPOSE, '').slice(-SUBJECT))) {
      found = spanOf(FAR_DIGITS.lastIndex - far[2]!.length, far[2]!);
    }
  }
  const spans: Span[] = [];
  while (found) {
    spans.push(wholeToken(text, at, found));
    MORE.lastIndex = found.to;
    const more = MORE.exec(text);
    found = more ? spanOf(MORE.lastIndex - more[1]!.length, more[1]!) : undefined;
  }
  return spans;
}

/** "Hello123": of a password no half may stay. */
function wholeToken(text: string, at: number, { from, to, mask }: Span): Span {
  let first = from;
  while (first > at && from - first < NEAR && /[a-z0-9_@!$&*]/i.test(text[first - 1]!)) first -= 1;
  let last = to;
  while (last - to < NEAR && /[a-z0-9_@$&*]/i.test(text[last] ?? '')) last += 1;
  return { from: first, to: last, mask };
}

const spanOf = (from: number, found: string): Span => ({ from, to: from + found.length, mask: MASK });

/** Sorted; of those that overlap one that covers all. */
function apart(spans: Span[]): Span[] {
  const sorted = spans.sort((a, b) => a.from - b.from);
  const out: Span[] = [];
  for (const span of sorted) {
    const last = out.at(-1);
    if (last && span.from < last.to) last.to = Math.max(last.to, span.to);
    else out.push(span);
  }
  return out;
}
