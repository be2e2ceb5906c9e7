import { isPublicHost } from '../../src/lib/public-address.ts';
import type { SmsConfig } from './config.ts';

/**
 * Twilio tries an SMS webhook once and gives up. This fragment asks for five more attempts whatever went wrong; it is
 * read by Twilio alone (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
 */
const RETRY_OVERRIDES = '#rc=5&rp=all';

export function setup(config: SmsConfig, hookUrl: string): string[] {
  const place = config.messagingServiceSid
    ? `the Messaging Service ${config.messagingServiceSid} under "Integration", choose "Send a webhook"`
    : `the number ${config.from} under "Messaging configuration"`;
  const address = `${hookUrl}${RETRY_OVERRIDES}`;
  return [
    ...warnings(hookUrl),
    `In the Twilio console, open ${place}.`,
    `A message comes in (Request URL, HTTP POST): ${address}`,
    `Primary handler fails (Fallback URL, HTTP POST): ${address}`,
    'Delivery statuses need no entry: each message names the same address by itself.',
    `Twilio signs for the address as entered, so PUBLIC_URL must be what the world sees: ${new URL(hookUrl).origin}`,
  ];
}

function warnings(hookUrl: string): string[] {
  const { origin, protocol, hostname } = new URL(hookUrl);
  const advice =
    'Set PUBLIC_URL to the https address at which the world reaches the server, and start it anew, before you enter anything at Twilio.';
  if (!isPublicHost(hostname))
    return [`WARNING: Twilio cannot call ${origin}, which only this machine or network reaches. ${advice}`];
  if (protocol !== 'https:')
    return [
      `WARNING: ${origin} is not https: what customers write would cross the internet readable. ${advice}`,
    ];
  return [];
}
