import { z } from 'zod';
import type { ProviderDefaults } from '../../src/contract/index.ts';

export const TWILIO_API_URL = 'https://api.twilio.com';

/** E.164, a short code, or an alphanumeric sender id (11 characters, at least one letter). */
const FROM_PATTERN = /^(\+[1-9]\d{4,14}|[1-9]\d{2,7}|(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11})$/;

export const smsConfigSchema = z
  .strictObject({
    accountSid: z
      .string({ error: 'accountSid is missing: copy it from the Twilio console; it begins with AC' })
      .regex(/^AC[0-9A-Za-z]{1,62}$/, 'accountSid must begin with AC, as in the Twilio console'),
    /** Signs every webhook, so it is needed even where an API key makes the requests. */
    authToken: z
      .string({
        error: 'authToken is missing: webhooks are signed with it, also where an API key makes the requests',
      })
      .min(1, 'authToken is empty'),
    apiKey: z
      .string()
      .regex(/^SK\w+$/, 'apiKey must begin with SK')
      .optional(),
    apiKeySecret: z.string().min(1).optional(),
    from: z
      .string()
      .regex(FROM_PATTERN, 'from must be a number such as +15551234567, a short code, or a sender id')
      .optional(),
    messagingServiceSid: z
      .string()
      .regex(/^MG\w+$/, 'messagingServiceSid must begin with MG')
      .optional(),
    /** Where the REST API lies: a fake or a proxy can stand in. A path in front is kept. */
    apiBaseUrl: z
      .url({ protocol: /^https?$/, error: 'apiBaseUrl must be an http(s) URL' })
      .default(TWILIO_API_URL),
  })
  .refine((config) => config.from || config.messagingServiceSid, {
    error: 'give from (a number of yours) or messagingServiceSid',
    path: ['from'],
  })
  .refine((config) => !config.apiKey === !config.apiKeySecret, {
    error: 'apiKey and apiKeySecret belong together',
    path: ['apiKeySecret'],
  });

export type SmsConfig = z.infer<typeof smsConfigSchema>;

export const SMS_SECRETS = ['authToken', 'apiKeySecret'] as const;

/**
 * Fills what the operator left to the environment. Secrets are taken only for the account that they belong to,
 * and a sender only where none is named at all.
 */
export function smsDefaults(
  config: Record<string, unknown>,
  provider: ProviderDefaults,
): Record<string, unknown> {
  const filled = { ...config };
  filled.accountSid ??= provider.TWILIO_ACCOUNT_SID;
  if (filled.accountSid === provider.TWILIO_ACCOUNT_SID) {
    filled.authToken ??= provider.TWILIO_AUTH_TOKEN;
    if (!filled.apiKey && !filled.apiKeySecret) {
      filled.apiKey = provider.TWILIO_API_KEY;
      filled.apiKeySecret = provider.TWILIO_API_SECRET ?? provider.TWILIO_API_KEY_SECRET;
    }
  }
  if (!filled.from && !filled.messagingServiceSid) {
    filled.messagingServiceSid = provider.TWILIO_MESSAGING_SERVICE_SID;
    filled.from = provider.TWILIO_PHONE_NUMBER;
  }
  return Object.fromEntries(
    Object.entries(filled).filter(([, value]) => value !== undefined && value !== ''),
  );
}
