import type { TailLine } from './follow-messages.ts';

const TEXT_SHOWN_CHARS = 100;

/** One line of `tail` for a person: when, ticket, which way, who, what. */
export function wordsOf({ at, ticket, direction, type, inbox, from, status, text }: TailLine): string {
  const time = at.toTimeString().slice(0, 8);
  const arrow = type === 'message' ? (direction === 'in' ? '<-' : '->') : '--';
  const who = [inbox, from, type === 'message' ? status : type].filter(Boolean).join(' ');
  const short = text.replace(/\s+/g, ' ').slice(0, TEXT_SHOWN_CHARS);
  return `${time}  #${ticket ?? '?'}  ${arrow} ${who}: ${short}`;
}
