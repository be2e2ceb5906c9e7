import {
  type Body,
  ChannelError,
  type InboundEvent,
  type MailEnvelope,
  type MessageEvent,
  NO_PARTS,
  type Normalised,
  type RawInbound,
} from '../../../src/contract/index.ts';
import { composeWords } from './compose-words.ts';
import { type Gathered, gather } from './gather.ts';
import { headersOf } from './headers.ts';
import { MAIL_BYTES_MAX } from './limits.ts';
import { readBounce } from './read-bounce.ts';
import { type Facts, type ReadingConfig, readFacts } from './read-facts.ts';
import { readComplaint, readReadReceipt } from './read-notice.ts';
import { attachmentsOf, readParts, WHOLE_MAIL, wholeMail } from './read-parts.ts';
import { hashOf, readPlainly } from './read-plainly.ts';
import { dedupeKeyOf, idOfBytes } from './read-thread.ts';
import { tellAutomation } from './tell-automation.ts';
import { BodyFailed, TooComplex } from './walk.ts';

/** Goes up with each change of what the same bytes become. */
export const PARSER_VERSION = 1;

/**
 * Bytes of a mail to events: one `message`, and a `receipt` for each recipient that a delivery report names. Pure:
 * no clock, no network. Whatever the bytes are, a message comes out; `context.flags` says what was odd. Throws
 * ChannelError `too_complex` above MAIL_BYTES_MAX, and what reading the bytes themselves throws.
 */
export function createNormalise(config: ReadingConfig): (raw: RawInbound) => Promise<Normalised> {
  return async (raw) => {
    if (raw.body.size > MAIL_BYTES_MAX)
      throw new ChannelError(
        'too_complex',
        'permanent',
        `A mail may have ${MAIL_BYTES_MAX} bytes; this one has ${raw.body.size}.`,
      );
    const envelope: MailEnvelope = raw.envelope.via === 'http' ? { via: 'smtp', to: [] } : raw.envelope;
    try {
      return await readWhole(raw.body, envelope, config).catch((error) => {
        if (error instanceof BodyFailed) throw error;
        const flag = error instanceof TooComplex ? error.flag : 'unreadable';
        return readAsText(raw.body, envelope, config, flag);
      });
    } catch (error) {
      throw error instanceof BodyFailed ? error.cause : error;
    }
  };
}

/** Bytes that have none of these are no mail; what they say must be seen all the same. */
const KNOWN_FIELDS = [
  'from',
  'to',
  'subject',
  'date',
  'message-id',
  'received',
  'mime-version',
  'content-type',
];

async function readWhole(body: Body, envelope: MailEnvelope, config: ReadingConfig): Promise<Normalised> {
  const mail = await gather(body);
  // Its parts stand behind a boundary that never comes: all of it would be taken for a preamble.
  if (mail.leaves.length === 0 && body.size > 0) throw new TooComplex('no-parts');
  if (!KNOWN_FIELDS.some((known) => mail.header.some(({ key }) => key === known)))
    throw new TooComplex('no-header');
  const headers = headersOf(mail.header, mail.leaves.find(({ charset }) => charset)?.charset);
  const facts = readFacts(headers, envelope, config);
  const automation = tellAutomation(mail, headers, envelope, facts);
  const words = await composeWords(mail.leaves, facts.subject);
  const attached = mail.leaves.filter((leaf) => leaf.role === 'attachment' || words.unread.includes(leaf));
  const notice = readReadReceipt(mail, facts.sentAt);
  const complaint = readComplaint(mail);

  const message = await messageOf(body, facts, dedupeKeyOf(headers, mail.bodyHash), [
    ...facts.flags,
    ...words.flags,
  ]);
  message.inReplyTo = [
    ...message.inReplyTo,
    ...notice.original.filter((id) => !message.inReplyTo.includes(id)),
  ];
  message.automation = automation;
  message.text = words.text;
  if (words.fullText !== undefined) message.fullText = words.fullText;
  if (words.html !== undefined) message.html = words.html;
  message.attachments = attachmentsOf(attached);
  if (complaint) message.context = { ...message.context, complaint };
  const receipts = receiptsOf(mail, message, headers, facts, words.fullText ?? words.text, config);
  if (notice.receipt) receipts.push(notice.receipt);
  return { events: [message, ...receipts], parts: readParts(body, attached) };
}

async function readAsText(
  body: Body,
  envelope: MailEnvelope,
  config: ReadingConfig,
  flag: string,
): Promise<Normalised> {
  const plain = await readPlainly(body);
  const headers = headersOf(plain.header);
  const facts = readFacts(headers, envelope, config);
  const mail: Gathered = {
    header: plain.header,
    leaves: [],
    reportType: undefined,
    bodyHash: plain.bodyHash,
  };
  const message = await messageOf(body, facts, dedupeKeyOf(headers, plain.bodyHash), [...facts.flags, flag]);
  message.automation = tellAutomation(mail, headers, envelope, facts);
  message.text = plain.text;
  if (body.size > 0)
    message.attachments = [
      { name: 'original.eml', type: 'message/rfc822', size: body.size, part: WHOLE_MAIL },
    ];
  return {
    events: [message, ...receiptsOf(mail, message, headers, facts, plain.text, config)],
    parts: body.size > 0 ? wholeMail(body) : NO_PARTS,
  };
}

async function messageOf(
  body: Body,
  facts: Facts,
  dedupeKey: string,
  flags: string[],
): Promise<MessageEvent> {
  const { messageId, returnPathToken: _token, flags: _flags, ...said } = facts;
  return {
    type: 'message',
    externalId: messageId ?? idOfBytes(await hashOf(body)),
    dedupeKey,
    ...said,
    text: '',
    attachments: [],
    automation: 'none',
    ...(flags.length ? { context: { flags } } : {}),
  };
}

function receiptsOf(
  mail: Gathered,
  message: MessageEvent,
  headers: ReturnType<typeof headersOf>,
  facts: Facts,
  words: string,
  config: ReadingConfig,
): InboundEvent[] {
  if (message.automation !== 'bounce') return [];
  return readBounce(mail, headers, facts.returnPathToken, words, config, facts.sentAt);
}
