import type { MessageInstance } from 'twilio/lib/rest/api/v2010/account/message.js';
import type { Arrival, ChannelDeps } from '../../src/contract/index.ts';
import type { SmsConfig } from './config.ts';
import { openRestClient, type RestClient, toChannelError } from './rest-client.ts';

const PAGE_SIZE = 200;

/**
 * Messages that Twilio took in for us since then, as its webhooks would have brought them, oldest first. A webhook
 * that failed is not repeated by Twilio, so this finds what an outage of ours has cost. They carry the same
 * MessageSid, so what did arrive is not doubled.
 */
export async function* reconcile(
  config: SmsConfig,
  deps: Pick<ChannelDeps, 'fetch' | 'hookUrl'>,
  since: Date,
  signal: AbortSignal,
): AsyncIterable<Arrival> {
  let rest: RestClient | undefined;
  try {
    rest = await openRestClient(config, deps, signal);
    const found = await listInbound(config, rest, since);
    // Twilio lists the newest first; a ticket should be opened by the first message of it.
    for (const message of found.reverse()) yield await arrivalOf(config, deps.hookUrl, rest, message);
  } catch (error) {
    throw toChannelError(error, rest);
  }
}

async function listInbound(config: SmsConfig, rest: RestClient, since: Date): Promise<MessageInstance[]> {
  const messages = rest.twilio.messages;
  let page = await messages.page({
    dateSentAfter: since,
    pageSize: PAGE_SIZE,
    ...(config.messagingServiceSid ? {} : { to: config.from }),
  });
  const found: MessageInstance[] = [];
  for (;;) {
    found.push(...page.instances.filter((message) => isOurs(config, message)));
    if (!page.nextPageUrl) return found;
    page = await messages.getPage(page.nextPageUrl);
  }
}

/** What webhooks of the inbox would bring: what came to its number, and to any number of its messaging service. */
function isOurs({ from, messagingServiceSid }: SmsConfig, message: MessageInstance): boolean {
  if (message.direction !== 'inbound') return false;
  if (from && message.to === from) return true;
  return messagingServiceSid !== undefined && message.messagingServiceSid === messagingServiceSid;
}

async function arrivalOf(
  config: SmsConfig,
  hookUrl: string,
  rest: RestClient,
  message: MessageInstance,
): Promise<Arrival> {
  const params = new URLSearchParams({
    MessageSid: message.sid,
    SmsSid: message.sid,
    SmsMessageSid: message.sid,
    AccountSid: config.accountSid,
    From: message.from,
    To: message.to,
    Body: message.body ?? '',
    SmsStatus: 'received',
    NumMedia: message.numMedia ?? '0',
    NumSegments: message.numSegments ?? '1',
  });
  if (message.messagingServiceSid) params.set('MessagingServiceSid', message.messagingServiceSid);
  if (Number(message.numMedia) > 0) {
    const base = `${config.apiBaseUrl.replace(/\/$/, '')}/2010-04-01/Accounts/${config.accountSid}`;
    for (const [index, media] of (await rest.twilio.messages(message.sid).media.list()).entries()) {
      params.set(`MediaUrl${index}`, `${base}/Messages/${message.sid}/Media/${media.sid}`);
      params.set(`MediaContentType${index}`, media.contentType);
    }
  }
  const receivedAt = message.dateSent ?? message.dateCreated;
  return {
    envelope: {
      via: 'http',
      method: 'POST',
      path: new URL(hookUrl).pathname,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    },
    body: Buffer.from(params.toString()),
    key: { signedPart: `reconcile:${message.sid}` },
    dedupeKey: message.sid,
    ...(receivedAt ? { receivedAt } : {}),
  };
}
