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
    `In the Twilio console, open ${place}.`,
    `A message comes in (Request URL, HTTP POST): ${address}`,
    `Primary handler fails (Fallback URL, HTTP POST): ${address}`,
    'Delivery statuses need no entry: each message names the same address by itself.',
    `Twilio signs for the address as entered, so PUBLIC_URL must be what the world sees: ${new URL(hookUrl).origin}`,
  ];
}
