/** Samples for a running server, signed as Twilio signs: what `earshot trigger sms.inbound` sends. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Trigger } from '../../src/contract/index.ts';
import type { SmsConfig } from './config.ts';
import { signForm } from './sign.ts';

const SAMPLE_TIMEOUT_MS = 10_000;

interface Sample {
  /** Numbers of senders begin so; `digits` of chance follow. */
  prefix: string;
  digits: number;
  country: string;
  text: string;
}

/** Of these prefixes the first is set aside for fiction (555-0100 to 555-0199). */
const SAMPLES: readonly Sample[] = [
  {
    prefix: '+141555501',
    digits: 2,
    country: 'US',
    text: 'Hi, I was charged twice for the same payment. Can someone look into it please?',
  },
  {
    prefix: '+628123400',
    digits: 4,
    country: 'ID',
    text: 'Selamat pagi, saya sudah top up lewat bank tapi saldo belum masuk. Mohon dibantu ya.',
  },
  {
    prefix: '+861380014',
    digits: 4,
    country: 'CN',
    text: '你好，我刚才付款失败了，但是钱已经扣了，请帮我查一下。',
  },
];

type Target = Parameters<Trigger<SmsConfig>>[1];
type Params = Record<string, string>;

export const triggers: Record<string, Trigger<SmsConfig>> = {
  async inbound(config, target) {
    const sample = pick(SAMPLES);
    const params = inboundParams(config, sample, target.text ?? sample.text);
    await post(config, target, params);
    return `SMS ${params.MessageSid} from ${params.From}: ${params.Body}`;
  },

  async mms(config, target) {
    const sample = SAMPLES[0]!;
    const params = inboundParams(config, sample, target.text ?? 'This is what the screen shows.');
    const media = `Accounts/${config.accountSid}/Messages/${params.MessageSid}/Media/${sid('ME')}`;
    Object.assign(params, {
      NumMedia: '1',
      MediaUrl0: `${config.apiBaseUrl.replace(/\/$/, '')}/2010-04-01/${media}`,
      MediaContentType0: 'image/jpeg',
    });
    await post(config, target, params);
    return `MMS ${params.MessageSid} from ${params.From} with one picture: ${params.Body}`;
  },

  async stop(config, target) {
    const sample = pick(SAMPLES);
    const params = inboundParams(config, sample, 'STOP');
    params.OptOutType = 'STOP';
    await post(config, target, params);
    return `STOP ${params.MessageSid} from ${params.From}`;
  },

  /** `text` names the message (its SID) whose delivery is reported; without it a message that nobody knows. */
  async status(config, target) {
    const messageSid = target.text ?? sid('SM');
    const params = {
      AccountSid: config.accountSid,
      ApiVersion: '2010-04-01',
      From: config.from ?? '+15005550006',
      To: numberOf(SAMPLES[0]!),
      MessageSid: messageSid,
      SmsSid: messageSid,
      MessageStatus: 'delivered',
      SmsStatus: 'delivered',
      ...(config.messagingServiceSid ? { MessagingServiceSid: config.messagingServiceSid } : {}),
    };
    await post(config, target, params);
    return `Status of ${messageSid}: delivered`;
  },
};

function inboundParams(config: SmsConfig, sample: Sample, text: string): Params {
  const messageSid = sid('SM');
  return {
    ToCountry: 'US',
    SmsMessageSid: messageSid,
    NumMedia: '0',
    SmsSid: messageSid,
    SmsStatus: 'received',
    FromCountry: sample.country,
    Body: text,
    To: config.from ?? '+15005550006',
    NumSegments: '1',
    MessageSid: messageSid,
    AccountSid: config.accountSid,
    From: numberOf(sample),
    ApiVersion: '2010-04-01',
    ...(config.messagingServiceSid ? { MessagingServiceSid: config.messagingServiceSid } : {}),
  };
}

/** Goes to the server where it listens, signed for where the world sees it; `host` as a proxy would pass it on. */
async function post(config: SmsConfig, target: Target, params: Params): Promise<void> {
  const request = signForm(config.authToken, target.publicHookUrl, params);
  const answer = await fetch(target.hookUrl, {
    method: request.method,
    headers: { ...request.headers, 'x-forwarded-host': target.host },
    body: request.body,
    signal: AbortSignal.timeout(SAMPLE_TIMEOUT_MS),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
}

/** Another sender each time, so that a sample opens a ticket of its own. */
const numberOf = ({ prefix, digits }: Sample): string =>
  prefix + String(randomInt(10 ** digits)).padStart(digits, '0');
const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)]!;
const sid = (prefix: string): string => prefix + randomBytes(16).toString('hex');
