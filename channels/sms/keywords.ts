import type { ConsentEvent } from '../../src/contract/index.ts';

/**
 * Twilio's default keywords: a message that is nothing but one of them, in any case, blanks around it allowed
 * (help.twilio.com 223134027, "Twilio support for opt-out keywords"). "STOP PLEASE" is none.
 */
const KEYWORDS: Readonly<Record<ConsentEvent['consent'], readonly string[]>> = {
  'opt-out': ['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT'],
  'opt-in': ['START', 'YES', 'UNSTOP'],
  help: ['HELP', 'INFO'],
};

/** What Twilio says that it understood, with Advanced Opt-Out (own words and languages of the operator's). */
const OPT_OUT_TYPES: Readonly<Record<string, ConsentEvent['consent']>> = {
  STOP: 'opt-out',
  START: 'opt-in',
  HELP: 'help',
};

const LONGEST_KEYWORD = 16;

export function consentOf(text: string, optOutType: string | undefined): ConsentEvent['consent'] | undefined {
  const typed = optOutType && OPT_OUT_TYPES[optOutType.trim().toUpperCase()];
  if (typed) return typed;
  const word = keyword(text);
  for (const [consent, words] of Object.entries(KEYWORDS))
    if (words.includes(word)) return consent as ConsentEvent['consent'];
  return undefined;
}

/** "Yes" opts in at Twilio, yet at a support desk it is far more often the answer to a question. */
export function isAlsoAnAnswer(text: string): boolean {
  return keyword(text) === 'YES';
}

const keyword = (text: string): string => {
  const word = text.trim();
  return word.length > LONGEST_KEYWORD ? '' : word.toUpperCase();
};
