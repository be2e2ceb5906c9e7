import type { MailEnvelope, MessageEvent } from '../../../src/contract/index.ts';
import type { Gathered } from './gather.ts';
import type { Headers } from './headers.ts';
import type { Facts } from './read-facts.ts';

type Automation = MessageEvent['automation'];

const ANSWERING_MACHINE_FIELDS = [
  ...[
    'x-autoreply',
    'x-autorespond',
    'x-autoresponder',
    'x-autoreply-from',
    'x-mail-autoreply',
    'x-autoreply-to',
  ],
  ...['x-ms-exchange-inbox-rules-loop', 'x-vacation', 'x-out-of-office'],
];
const LIST_FIELDS = [
  'list-id',
  'list-unsubscribe',
  'list-post',
  'list-help',
  'feedback-id',
  'x-mailing-list',
];
const PROGRAM_FIELDS = ['x-auto-generated', 'x-loop', 'x-auto-response-suppress'];
const DAEMONS = /^(?:mailer-?daemon|postmaster|mail-?daemon|mdaemon|double-bounce)(?:[+=-].*)?$/;
const ROBOTS =
  /^(?:(?:do-?)?no-?t?[._-]?reply|donotreply|bounces?|notifications?|mailer|auto-?(?:confirm|reply))(?:[+=._-].*)?$/;

/** Subjects of answering machines. They decide nothing alone, only which kind of program it was. */
const AUTO_REPLY_SUBJECT =
  /^(?:re:\s*)?(?:auto(?:matic|mated|matische)?[ -]?(?:reply|response|antwort|svar)|out of (?:the )?office|abwesen|réponse automatique|absence|respuesta automática|fuera de la oficina|balasan otomatis|balasan automatik|jawaban otomatis|自动回复|自動回覆|自動応答|自動返信|不在|ตอบกลับอัตโนมัติ|trả lời tự động|رد تلقائي|الرد التلقائي|risposta automatica|automatisch antwoord|resposta automática)/i;

/** Subjects of delivery reports, in the languages of mail servers. */
const BOUNCE_SUBJECT =
  /undeliver|delivery (?:status|failure|problem|has|report|delayed|incomplete)|delivery.{0,20}fail|returned (?:mail|to sender|e-?mail)|mail (?:delivery|system)|failure notice|not? (?:be )?delivered|non[- ]?deliver|\breject|message (?:delayed|rejected|undelivered)|warning: (?:message|could not)|unzustellbar|nicht zugestellt|non remis|échec de (?:la )?(?:remise|distribution)|no se (?:ha )?(?:pudo|podido) entregar|devuelto|tidak (?:dapat )?(?:ter)?kirim|gagal (?:ter)?kirim|pengiriman gagal|tidak dapat dihantar|退信|投递失败|无法投递|未送达|無法(?:投遞|傳遞|送達)|未傳遞|配信(?:不能|エラー|できません|失敗)|送信エラー|ส่งไม่(?:สำเร็จ|ได้)|ไม่สามารถส่ง|không (?:thể )?gửi được|không thể gửi|تعذر (?:التسليم|تسليم)|لم يتم تسليم/i;

/**
 * Who wrote: a person or which kind of program (RFC 3834 section 5, RFC 6522, RFC 2369). A sign is believed
 * towards caution: it keeps us from answering by ourselves, nothing more.
 */
export function tellAutomation(
  mail: Gathered,
  headers: Headers,
  envelope: MailEnvelope,
  facts: Facts,
): Automation {
  const sender = facts.sender.value;
  const subject = facts.subject ?? '';
  const types = mail.leaves.map(({ type }) => type);
  const local = sender.slice(0, Math.max(0, sender.lastIndexOf('@')));
  const from = (headers.first('from') ?? '').toLowerCase();
  const daemon =
    DAEMONS.test(local) || /^"?(?:mailer-daemon|postmaster|mail delivery (?:sub)?system)\b/.test(from);
  const nullPath = isNullPath(headers, envelope);

  if (types.includes('message/feedback-report') || mail.reportType === 'feedback-report') return 'system';
  if (types.includes('message/delivery-status') || mail.reportType === 'delivery-status') return 'bounce';
  if (types.includes('message/disposition-notification') || mail.reportType === 'disposition-notification')
    return 'auto-reply';
  if (headers.has('x-failed-recipients') && (daemon || nullPath)) return 'bounce';
  if (daemon && facts.returnPathToken) return 'bounce';
  if ((daemon || nullPath) && BOUNCE_SUBJECT.test(subject)) return 'bounce';

  const submitted = (headers.first('auto-submitted') ?? 'no').toLowerCase().split(/[\s;(]/)[0];
  const precedence = (headers.first('precedence') ?? '').toLowerCase();
  const answers = headers.has('in-reply-to') || headers.has('references');
  const likeAnswer = AUTO_REPLY_SUBJECT.test(subject);
  if (submitted === 'auto-replied' || /auto[_-]?reply/.test(precedence)) return 'auto-reply';
  if (ANSWERING_MACHINE_FIELDS.some((key) => headers.has(key))) return 'auto-reply';
  const list = LIST_FIELDS.some((key) => headers.has(key)) || /^(?:bulk|list|junk)\b/.test(precedence);
  const program = PROGRAM_FIELDS.some((key) => headers.has(key));
  if (submitted !== 'no' || program || nullPath) {
    if (likeAnswer) return 'auto-reply';
    if (list) return 'list';
    return answers && (submitted !== 'no' || nullPath) ? 'auto-reply' : 'system';
  }
  if (list) return 'list';
  return daemon || ROBOTS.test(local) ? 'system' : 'none';
}

/** An empty return path: nobody wants an answer (RFC 5321 section 4.5.5). */
export const isNullPath = (headers: Headers, envelope: MailEnvelope): boolean =>
  envelope.from === '' || (envelope.from === undefined && /^<\s*>/.test(headers.first('return-path') ?? ''));
