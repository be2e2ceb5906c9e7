import libmime from 'libmime';
import { NAME_MAX_CHARS } from '../../../src/contract/index.ts';
import type { Leaf } from './gather.ts';
import { decodeWords, oneLine } from './headers.ts';

const GIVEN_NAMES: Record<string, string> = {
  'message/rfc822': 'message.eml',
  'message/delivery-status': 'delivery-status.txt',
  'message/disposition-notification': 'disposition-notification.txt',
  'message/feedback-report': 'feedback-report.txt',
  'text/rfc822-headers': 'headers.txt',
  'text/calendar': 'invite.ics',
  'application/ms-tnef': 'winmail.dat',
  'text/plain': 'text.txt',
  'text/html': 'text.html',
};

/** The file name as shown: without folders, control characters and what turns the direction of the text. */
export function nameOf(leaf: Leaf): string {
  const name = oneLine(rawName(leaf.filename))
    .replace(/[/\\]+/g, '_')
    .replace(/^\.+/, '_');
  if (name !== '') return shorten(name.toWellFormed());
  return GIVEN_NAMES[leaf.type] ?? `attachment-${leaf.ordinal}.${libmime.detectExtension(leaf.type)}`;
}

/** Raw 8-bit names arrive as one character a byte. */
function rawName(name: string | undefined): string {
  if (!name) return '';
  if (!/[\u0080-\u00ff]/.test(name) || /[\u0100-\uffff]/.test(name)) return decodeWords(name);
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? name : text;
}

/** Cut in the middle, so that the ending stays. */
function shorten(name: string): string {
  if (name.length <= NAME_MAX_CHARS) return name;
  return `${name.slice(0, NAME_MAX_CHARS - 32)}…${name.slice(-31)}`.toWellFormed();
}
