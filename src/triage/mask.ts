/**
 * Takes out of a message what must exist nowhere in the clear: card numbers (the last four digits stay, as agents
 * and customers speak of "the card ending in"), PINs, passwords, one-time codes and security codes. Runs before a
 * message is stored, logged, queued or shown. Pure, linear in the length of the text, and masking twice changes
 * nothing.
 */
import type { Address, MessageEvent } from '../contract/index.ts';
import { findCards, MASK } from './mask-cards.ts';
import { findSecrets } from './mask-secrets.ts';
import { replaceSpans, type Span, type View, viewHtml, viewText } from './mask-view.ts';

/** Nearly every message has neither a digit nor one of these words, and is done here. */
const SUSPICIOUS = /\p{Nd}|pass|pwd|sandi|laluan|khẩu|รหัส|パスワード|密码|密碼|口令|كلمة/iu;
/** Secrets in the address of a link, the one place inside a tag where they occur. */
const SECRET_PARAMETER = /([?&;](?:otp|pin|cvv2?|cvc|passw(?:or)?d|pwd|passcode)=)[^&"'\s<>•]{3,}/gi;

/** Plain text, masked. */
export function maskText(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  const view = viewText(text);
  return replaceSpans(view, findSpans(view), false);
}

/** Sanitised HTML, masked: also where tags and entities stand between or for the digits, and inside of tags. */
export function maskHtml(html: string): string {
  if (!SUSPICIOUS.test(html)) return html;
  const view = maskTags(viewHtml(html));
  return replaceSpans(view, findSpans(view), true);
}

/** The message with everything that people wrote in it masked; the same object when there was nothing to mask. */
export function maskEvent(event: MessageEvent): MessageEvent {
  const masked: MessageEvent = {
    ...event,
    ...optional('subject', event.subject, maskText),
    text: maskText(event.text),
    ...optional('fullText', event.fullText, maskText),
    ...optional('html', event.html, maskHtml),
    attachments: mapSame(event.attachments, (it) => withText(it, 'name', maskText(it.name))),
    sender: maskName(event.sender),
    recipients: mapSame(event.recipients, maskName),
    ...optional('replyTo', event.replyTo, (list) => mapSame(list, maskName)),
  };
  const keys = Object.keys(masked) as (keyof MessageEvent)[];
  return keys.every((key) => masked[key] === event[key]) ? event : masked;
}

/** The same view, or that of the HTML whose tags are masked (a title, the text of an image, the address of a link). */
function maskTags(view: View): View {
  let html = '';
  let end = 0;
  for (const [from, to] of view.tags) {
    const tag = view.source.slice(from, to);
    const masked = maskTag(tag);
    if (masked === tag) continue;
    html += view.source.slice(end, from) + masked;
    end = to;
  }
  return end === 0 ? view : viewHtml(html + view.source.slice(end));
}

function maskTag(tag: string): string {
  if (!/[\d=]/.test(tag)) return tag;
  const view = viewHtml(tag, { tags: false });
  return replaceSpans(view, findCards(view.text), false).replace(SECRET_PARAMETER, `$1${MASK}`);
}

function findSpans({ text }: View): Span[] {
  const cards = findCards(text);
  const secrets = findSecrets(text, cards);
  return secrets.length === 0 ? cards : [...cards, ...secrets].sort((a, b) => a.from - b.from);
}

const optional = <K extends string, T>(key: K, value: T | undefined, mask: (value: T) => T) =>
  value === undefined ? {} : ({ [key]: mask(value) } as { [key in K]: T });

const withText = <T extends object, K extends keyof T>(of: T, key: K, value: T[K]): T =>
  of[key] === value ? of : { ...of, [key]: value };

const maskName = <T extends Address>(address: T): T =>
  address.name === undefined ? address : withText(address, 'name', maskText(address.name));

function mapSame<T>(list: T[], map: (item: T) => T): T[] {
  const mapped = list.map(map);
  return mapped.every((item, i) => item === list[i]) ? list : mapped;
}
