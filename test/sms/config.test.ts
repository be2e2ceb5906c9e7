import { describe, expect, test } from '@jest/globals';
import { smsConfigSchema, smsDefaults } from '../../channels/sms/config.ts';
import { sms } from '../../channels/sms/index.ts';

const accountSid = `AC${'1'.repeat(32)}`;

describe('what the environment may fill in', () => {
  const provider = {
    TWILIO_ACCOUNT_SID: accountSid,
    TWILIO_AUTH_TOKEN: 'token-of-the-environment',
    TWILIO_PHONE_NUMBER: '+15005550006',
    TWILIO_API_KEY: 'SKenv',
    TWILIO_API_SECRET: 'secret-of-the-environment',
  };

  test('everything, for an inbox that names nothing', () => {
    expect(smsConfigSchema.parse(smsDefaults({}, provider))).toEqual({
      accountSid,
      authToken: 'token-of-the-environment',
      apiKey: 'SKenv',
      apiKeySecret: 'secret-of-the-environment',
      from: '+15005550006',
      apiBaseUrl: 'https://api.twilio.com',
    });
  });

  test('no secret for another account: its webhooks would be checked with the wrong token', () => {
    const filled = smsDefaults({ accountSid: 'ACother', from: '+15005550007' }, provider);
    expect(filled).toEqual({ accountSid: 'ACother', from: '+15005550007' });
    expect(smsConfigSchema.safeParse(filled).error?.issues[0]?.message).toMatch(
      /webhooks are signed with it/,
    );
  });

  test('no second sender beside the one that was named, and nothing over what was written', () => {
    const named = { accountSid, authToken: 'mine', messagingServiceSid: 'MGmine' };
    expect(smsDefaults(named, provider)).toMatchObject(named);
    expect(smsDefaults(named, provider)).not.toHaveProperty('from');
  });

  test('half a key of the inbox is not completed with half a key of the environment', () => {
    expect(smsDefaults({ accountSid, apiKey: 'SKmine' }, provider)).not.toHaveProperty('apiKeySecret');
  });
});

test.each(['+15005550006', '72345', 'MyBank', 'Desk 24', '+6281234567890'])('%s may send', (from) => {
  expect(smsConfigSchema.safeParse({ accountSid, authToken: 'x', from }).success).toBe(true);
});

test.each(['', '0812345', 'A name too long', '+0123', 'whatsapp:+15005550006', '15005550006 ', '+1 500 555'])(
  '%j may not: every reply would fail',
  (from) => {
    expect(smsConfigSchema.safeParse({ accountSid, authToken: 'x', from }).success).toBe(false);
  },
);

test('the operator is told the address with retries, and to set the fallback: Twilio repeats nothing by itself', () => {
  const config = smsConfigSchema.parse({ accountSid, authToken: 'x', from: '+15005550006' });
  const lines = sms.setup!(config, 'https://desk.example.com/hooks/sms');
  expect(
    lines.filter((line) => line.includes('https://desk.example.com/hooks/sms#rc=5&rp=all')),
  ).toHaveLength(2);
  expect(lines.join('\n')).toMatch(/fallback/i);
});

test.each([
  ['http://127.0.0.1:3000', 'cannot call http://127.0.0.1:3000'],
  ['https://localhost', 'cannot call https://localhost'],
  ['https://[::1]:3000', 'cannot call'],
  ['http://10.1.2.3', 'cannot call'],
  ['http://desk.example.com', 'not https'],
])('an operator whose address is %s is warned before he enters it at Twilio', (origin, words) => {
  const config = smsConfigSchema.parse({ accountSid, authToken: 'x', from: '+15005550006' });
  const [first] = sms.setup!(config, `${origin}/hooks/sms`);
  expect(first).toMatch(/^WARNING.*PUBLIC_URL/);
  expect(first).toContain(words);
  const [fine] = sms.setup!(config, 'https://desk.example.com/hooks/sms');
  expect(fine).not.toContain('WARNING');
});
