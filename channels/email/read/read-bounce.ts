import { REFERENCES_MAX, type ReceiptEvent } from '../../../src/contract/index.ts';
import { isOwn, type OwnAddresses, tokenOfMessageId } from '../addresses.ts';
import { type Gathered, isReportPart } from './gather.ts';
import type { Headers } from './headers.ts';
import { REPORT_RECIPIENTS_MAX } from './limits.ts';
import { addressOf, mailboxOf, readAddresses } from './read-addresses.ts';
import { messageIdsIn } from './read-thread.ts';
import {
  addressIn,
  behindType,
  type Fields,
  fieldBlocks,
  readable,
  readFields,
  reportText,
} from './report-fields.ts';

const REASON_CHARS_MAX = 2000;
const ENHANCED = /\b([245]\.\d{1,3}\.\d{1,3})\b/;
const REPLY_CODE = /(?:^|[\s(:#])([45]\d\d)(?=[\s-]|$)/;
const STILL_TRYING =
  /\bdelay(?:ed)?\b|still being (?:re)?tried|will (?:keep trying|retry|be retried)|not yet been delivered|warning: (?:message|could not)|tertunda|verzögert|retardé|retrasad|延迟|延遲|遅延/i;
const OUR_ID = /<?\b(m[a-f0-9]{40}@[^\s<>"'()[\],;]{1,255})>?/gi;
const OUR_RETURN_PATH = /\+(m[a-f0-9]{40})@/i;

type About = ReceiptEvent['about'];

/**
 * The receipts of a delivery report (RFC 3464), one a recipient; of a report in plain words (nearly every second
 * one) what its words say. Whether it is about a message of ours is the core's to check: anyone can write one.
 */
export function readBounce(
  mail: Gathered,
  headers: Headers,
  token: string | undefined,
  words: string,
  own: OwnAddresses,
  sentAt: Date | undefined,
): ReceiptEvent[] {
  const texts = mail.leaves.filter(isReportPart).map((leaf) => ({ type: leaf.type, text: reportText(leaf) }));
  const blocks = texts
    .filter(({ type }) => type.endsWith('delivery-status'))
    .flatMap(({ text }) => fieldBlocks(text));
  const returned = texts.filter(({ type }) => !type.endsWith('delivery-status')).map(({ text }) => text);
  const about = aboutWhat(headers, token, blocks[0], returned, words);
  const at = sentAt ? { at: sentAt } : {};

  const reported = blocks.filter(
    (fields) => fields.has('final-recipient') || fields.has('original-recipient'),
  );
  if (reported.length)
    return reported
      .slice(0, REPORT_RECIPIENTS_MAX)
      .map((fields) => ({ type: 'receipt', about, ...at, ...readRecipient(fields) }));

  const said = readWords(words, headers.first('subject') ?? '');
  const recipients = recipientsInWords(headers, words, own);
  if (recipients.length === 0)
    return about.token || about.externalIds ? [{ type: 'receipt', about, ...at, ...said }] : [];
  return recipients.map((value) => ({ type: 'receipt', about, ...at, ...said, recipient: addressOf(value) }));
}

function readRecipient(
  fields: Fields,
): Pick<ReceiptEvent, 'status' | 'recipient' | 'code' | 'permanent' | 'reason'> {
  const diagnostic = readable(behindType(fields.get('diagnostic-code')), REASON_CHARS_MAX);
  const stated = ENHANCED.exec(fields.get('status') ?? '')?.[1];
  const code = stated && !stated.endsWith('.0.0') ? stated : (ENHANCED.exec(diagnostic)?.[1] ?? stated);
  const status = statusOf((fields.get('action') ?? '').toLowerCase(), code);
  const value = addressIn(fields.get('original-recipient')) ?? addressIn(fields.get('final-recipient'));
  return {
    status,
    ...(value ? { recipient: addressOf(value) } : {}),
    ...(code ? { code } : {}),
    ...(status === 'failed' ? { permanent: isPermanent(code, diagnostic) } : {}),
    ...(diagnostic ? { reason: diagnostic } : {}),
  };
}

function statusOf(action: string, code: string | undefined): ReceiptEvent['status'] {
  if (action.startsWith('fail')) return 'failed';
  if (action.startsWith('delay')) return 'delayed';
  if (action.startsWith('delivered')) return 'delivered';
  if (action.startsWith('relayed') || action.startsWith('expanded')) return 'sent';
  return code?.startsWith('2') ? 'delivered' : code?.startsWith('4') ? 'delayed' : 'failed';
}

/** By the enhanced status (RFC 3463), else by the reply code of the other server (RFC 5321). */
const isPermanent = (code: string | undefined, reason: string): boolean =>
  code !== undefined ? code.startsWith('5') : REPLY_CODE.exec(reason)?.[1]?.startsWith('5') === true;

function readWords(
  words: string,
  subject: string,
): Pick<ReceiptEvent, 'status' | 'code' | 'permanent' | 'reason'> {
  const lines = words.split('\n').map((line) => line.trim());
  const line = lines.find((each) => ENHANCED.test(each)) ?? lines.find((each) => REPLY_CODE.test(each));
  const code = line ? (ENHANCED.exec(line)?.[1] ?? REPLY_CODE.exec(line)?.[1]) : undefined;
  const reason = readable(
    line ??
      lines
        .filter((each) => each !== '')
        .slice(0, 6)
        .join(' '),
    REASON_CHARS_MAX,
  );
  const trying = code?.startsWith('5') !== true && STILL_TRYING.test(`${subject}\n${words.slice(0, 4000)}`);
  return {
    status: trying ? 'delayed' : 'failed',
    ...(code ? { code } : {}),
    ...(trying ? {} : { permanent: code?.startsWith('5') === true }),
    ...(reason ? { reason } : {}),
  };
}

function recipientsInWords(headers: Headers, words: string, own: OwnAddresses): string[] {
  const named = readAddresses(headers, 'x-failed-recipients').addresses.map(({ value }) => value);
  if (named.length) return named.slice(0, REPORT_RECIPIENTS_MAX);
  const seen = words.slice(0, 8000).matchAll(/[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+/g);
  for (const [text] of seen) {
    const value = mailboxOf(text);
    if (
      !value ||
      isOwn(value, own) ||
      tokenOfMessageId(value) ||
      /^(?:mailer-daemon|postmaster)@/.test(value)
    )
      continue;
    return [value];
  }
  return [];
}

/** Which message: by the return path that the report came to, else by ids of ours found anywhere in it. */
function aboutWhat(
  headers: Headers,
  token: string | undefined,
  message: Fields | undefined,
  returned: readonly string[],
  words: string,
): About {
  const ids = new Set<string>();
  for (const text of returned) {
    const head = /\n[ \t]*\n/.exec(text)?.index ?? text.length;
    for (const id of messageIdsIn(readFields(text.slice(0, head)).get('message-id') ?? '')) ids.add(id);
  }
  for (const text of [...returned, words])
    for (const match of text.matchAll(OUR_ID)) ids.add(`<${match[1]}>`);
  for (const value of headers.all('in-reply-to')) for (const id of messageIdsIn(value)) ids.add(id);

  const envelopeId = (message?.get('original-envelope-id') ?? '').trim().toLowerCase();
  const inText = [...returned, words]
    .map((text) => OUR_RETURN_PATH.exec(text)?.[1]?.toLowerCase())
    .find(Boolean);
  const found =
    token ??
    (tokenOfMessageId(`${envelopeId}@x`) ? envelopeId : undefined) ??
    [...ids].map(tokenOfMessageId).find(Boolean) ??
    inText;
  return {
    ...(found ? { token: found } : {}),
    ...(ids.size ? { externalIds: [...ids].slice(0, REFERENCES_MAX) } : {}),
  };
}
