import { isIP } from 'node:net';
import {
  type ChannelDeps,
  ChannelError,
  type ExternalId,
  type OutboundMessage,
  type SendResult,
} from '../../src/contract/index.ts';
import { isPublicAddress } from '../../src/lib/public-address.ts';
import { type SmsConfig, TWILIO_API_URL } from './config.ts';
import { fromAnswer } from './errors.ts';
import { openRestClient, type RestClient, toChannelError } from './rest-client.ts';
import { describeSegments } from './segments.ts';

/** These concern every reply of the inbox, so the operator must know. */
const OPERATOR_CODES: readonly string[] = [
  'credentials_rejected',
  'sender_misconfigured',
  'bad_configuration',
];

/** POST /2010-04-01/Accounts/{sid}/Messages.json. Twilio knows no idempotency key: what was cut is `unknown`. */
export async function send(
  config: SmsConfig,
  deps: Pick<ChannelDeps, 'fetch' | 'hookUrl' | 'health'>,
  message: OutboundMessage,
  signal: AbortSignal,
): Promise<SendResult> {
  const to = message.to.find((address) => address.kind === 'phone')?.value;
  if (!to)
    throw new ChannelError('recipient_invalid', 'permanent', 'The message has no phone number to go to.');
  if (message.attachments.length > 0)
    throw new ChannelError(
      'content_rejected',
      'permanent',
      'Attachments cannot be sent by SMS; send a link.',
    );
  let rest: RestClient | undefined;
  try {
    rest = await openRestClient(config, deps, signal);
    const sent = await rest.twilio.messages.create({
      to,
      body: message.text,
      ...(config.from ? { from: config.from } : {}),
      ...(config.messagingServiceSid ? { messagingServiceSid: config.messagingServiceSid } : {}),
      ...statusCallback(config, deps.hookUrl, message.token),
    });
    if (!sent.sid) throw new Error('no sid');
    if (sent.status === 'failed' || sent.status === 'undelivered')
      throw fromAnswer(400, sent.errorCode || undefined);
    deps.health.ok();
    return {
      externalId: sent.sid as ExternalId,
      status: sent.status === 'sent' || sent.status === 'delivered' ? sent.status : 'accepted',
      detail: describeSegments(message.text),
    };
  } catch (error) {
    const known = toChannelError(error, rest);
    if (OPERATOR_CODES.includes(known.code)) deps.health.failing(known.code, known.message);
    throw known;
  }
}

/** Our token comes back in the query with every status; Twilio refuses (21609) an address that it cannot reach. */
function statusCallback(config: SmsConfig, hookUrl: string, token: string): { statusCallback?: string } {
  if (new URL(config.apiBaseUrl).origin === TWILIO_API_URL && isLocal(hookUrl)) return {};
  return { statusCallback: `${hookUrl}?m=${encodeURIComponent(token)}` };
}

function isLocal(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) return !isPublicAddress(host);
  return !host.includes('.') || host.endsWith('.localhost') || host.endsWith('.local');
}
