/**
 * How mail programs say, in the language of their user, where the quoted mail begins. One row a way of saying it;
 * each pattern is tried on one line that was joined from at most four.
 */

/** The line above a quote, without its date and names: "On Friday … wrote:". All of them end with a colon. */
export const ATTRIBUTIONS: readonly RegExp[] = [
  // en: Gmail, Apple Mail, Thunderbird, Yahoo; "At …" is the English 163.
  /^(?:on|at)\s.+\bwrote$/i,
  // id, ms
  /^pada\s.+\b(?:menulis|tulis)$/i,
  // zh-Hans: Gmail, Apple Mail, 163; zh-Hant: Gmail, Apple Mail, Yahoo
  /(?:于|在|於|^).*(?:写道|寫道|写到|寫到)$/,
  // th
  /^(?:เมื่อ|ในวัน|วัน|ใน).+เขียน(?:ว่า)?$/,
  // vi
  /^(?:vào|lúc|ngày|on).+viết$/i,
  // ja: Gmail names date and address only
  /^(?:on\s)?\d{4}[年/.-]\s?\d{1,2}[月/.-]\s?\d{1,2}日?.*(?:<[^<>\s]+@[^<>\s]+>|のメール|書きました|書き込みました|wrote)$/i,
  // ar: Gmail, Outlook, Apple Mail
  /^(?:في|بتاريخ|فى).+(?:كتب|كتبت|كتابة ما يلي|كتابة|بواسطة)/,
  // de, fr, es, pt, it, nl
  /^am\s.+\b(?:schrieb|geschrieben)\b/i,
  /^le\s.+\ba écrit$/i,
  /^el\s.+\bescribi[óo]$/i,
  /^em\s.+\bescreveu$/i,
  /^il\s.+\bha scritto$/i,
  /^op\s.+\bschreef\b/i,
  // A name, an address and the verb, whatever the order of the date.
  /<[^<>\s]+@[^<>\s]+>\)?.{0,60}(?:wrote|menulis|写道|寫道|schrieb|a écrit|escribi[óo]|เขียน(?:ว่า)?|viết|كتب)$/i,
];

/** "-----Original Message-----", without its dashes. */
export const ORIGINAL_MESSAGE =
  /^(?:on\s.{6,170}\swrote|original|original message|original e-?mail|reply message|ursprüngliche nachricht|originalnachricht|original-nachricht|message d['’]origine|message original|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|pesan asli|pesan sebelumnya|mesej asal|原始邮件|原始郵件|原始信件|原邮件|原郵件|回复的原邮件|元のメッセージ|オリジナルメッセージ|ข้อความต้นฉบับ|ข้อความเดิม|thư gốc|tin nhắn gốc|tin nhắn ban đầu|الرسالة الأصلية|رسالة أصلية)$/i;

/** The labels of the block that Outlook, Foxmail, QQ and others put above a quoted mail. */
export const BLOCK_LABELS = {
  from: words(
    'from|von|de|dari|daripada|pengirim|发件人|發件人|寄件者|寄件人|จาก|ผู้ส่ง|từ|người gửi|差出人|送信者|送信元|من|المرسل|da|van',
  ),
  date: words(
    'sent|date|gesendet|datum|envoyé|envoyé le|enviado|enviado el|fecha|dikirim|terkirim|tanggal|dihantar|tarikh|发送时间|发送日期|时间|日期|發送時間|傳送時間|寄件日期|時間|ส่ง|ส่งเมื่อ|วันที่|đã gửi|gửi|gửi lúc|ngày|thời gian|送信日時|日時|日付|送信|تاريخ الإرسال|تم الإرسال|التاريخ|أرسلت|أُرسلت|inviato|verzonden|data',
  ),
  to: words('to|an|à|a|para|kepada|ke|untuk|收件人|收件者|ถึง|đến|tới|người nhận|宛先|إلى|الى|aan'),
  subject: words(
    'subject|betreff|objet|asunto|subjek|perihal|judul|hal|subyek|tajuk|perkara|主题|主題|主旨|标题|เรื่อง|หัวเรื่อง|chủ đề|tiêu đề|件名|الموضوع|oggetto|onderwerp|assunto',
  ),
  copy: words(
    'cc|bcc|kopie|copie à|tembusan|salinan kepada|抄送|副本|สำเนา|สำเนาถึง|نسخة|نسخة إلى|importance|reply-to',
  ),
} as const;

/** A whole line that a telephone adds below what was written. */
export const DEVICE_LINES: readonly RegExp[] = [
  /^(?:sent|mobile) (?:from|via|with) (?:my |the |your )?\S.{0,60}$/i,
  /^sent (?:by|using) .{1,60}$/i,
  /^get outlook for (?:ios|android|mac)\b.{0,80}$/i,
  /^yahoo mail: .{1,60}$/i,
  /^(?:dikirim|terkirim|dihantar) (?:dari|daripada|melalui|lewat) .{1,60}$/i,
  /^(?:dapatkan|unduh) outlook untuk .{1,60}$/i,
  /^(?:发自|發自|来自|來自|由|從我的|从我的|傳送自|寄自).{0,40}(?:iphone|ipad|android|手机|手機|华为|小米|samsung|邮箱|郵箱|outlook|yahoo|发送|傳送|客户端|网易).{0,30}$/i,
  /^(?:获取|取得) ?outlook for .{1,40}$/i,
  /^ส่งจาก.{1,60}$/,
  /^(?:gửi|đã gửi|được gửi) từ .{1,60}$/i,
  /^.{1,40}から送信$/,
  /^(?:أُرسلت|أرسلت|تم الإرسال|مرسل) من .{1,60}$/,
  /^(?:von meinem|gesendet (?:von|mit|über)) .{1,60}$/i,
  /^(?:envoyé|envoyée) (?:de|depuis|à partir) .{1,60}$/i,
  /^enviado (?:desde|de|do) .{1,60}$/i,
  /^inviato da .{1,60}$/i,
  /^verzonden (?:vanaf|via|met) .{1,60}$/i,
];

/** Prefixes of a subject that say "I hand this on": what stands below is meant to be read. */
export const FORWARD_SUBJECT =
  /^\s*(?:fwd?|wg|tr|rv|i|enc|vs|转发|轉寄|轉發|転送|ส่งต่อ|chuyển tiếp|trs|terusan|teruskan|إعادة توجيه)\s*[:：]/i;

function words(list: string): ReadonlySet<string> {
  return new Set(list.split('|'));
}
