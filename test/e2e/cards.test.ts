import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readStream } from '../gateway/read-stream.ts';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import { type FakeTwilio, startFakeTwilio } from '../support/fake-twilio.ts';
import { freePort } from '../support/free-port.ts';
import { testServices } from '../support/services.ts';
import { withCheckDigit } from '../triage/card-numbers.ts';
import { type Agent, agentOf, type Json } from './agent.ts';
import { sendBytes, startWorld, type World } from './customer-mail.ts';
import { sentBodies, smsConfig, writeSms } from './customer-sms.ts';
import { overhearRedis, wordsOfMongo, wordsOfRedis } from './everything-stored.ts';

const CARD = withCheckDigit('492957810436221');
const GROUPS = CARD.match(/\d{4}/g)!;
const PIN = '84930217';
const OTP = '73620418';
const FULL_WIDTH = CARD.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
const SPELLINGS = {
  plain: CARD,
  blanks: GROUPS.join(' '),
  dashes: GROUPS.join('-'),
  'no-break blanks': GROUPS.join('\u00a0'),
  dots: GROUPS.join('.'),
  'full width': FULL_WIDTH,
};
const MAIL = 'mail';
const SMS = 'sms-en';
const CUSTOMER = '+6281277700001';

let twilio: FakeTwilio;
let world: World;
let earshot: EarshotProcess;
let agent: Agent;
let redis: Awaited<ReturnType<typeof overhearRedis>>;
let stream: Awaited<ReturnType<typeof readStream>>;
let mailPort: number;
const answers: string[] = [];

beforeAll(async () => {
  const services = testServices();
  [twilio, world] = await Promise.all([startFakeTwilio(), startWorld()]);
  redis = await overhearRedis(services.redisUrl);
  earshot = await startEarshot({
    mongodbUri: services.mongodbUri(),
    redisUrl: services.redisUrl,
    env: { LOG_LEVEL: 'trace' },
  });
  const api: EarshotProcess['api'] = async (...call) => {
    const answer = await earshot.api(...call);
    answers.push(JSON.stringify(answer.body));
    return answer;
  };
  agent = agentOf({ api });
  mailPort = await freePort();
  await earshot.addInbox('sms', SMS, smsConfig(twilio));
  await earshot.addInbox('email', MAIL, {
    address: 'support@desk.example',
    listen: { port: mailPort },
    smtp: { host: '127.0.0.1', port: world.port, secure: false },
  });
  stream = await readStream(`${earshot.url}/api/v1/events`, earshot.token);

  for (const [name, number] of Object.entries(SPELLINGS))
    await writeSms(earshot, twilio, SMS, { from: CUSTOMER, body: `My card (${name}) is ${number}, help` });
  await writeSms(earshot, twilio, SMS, { from: CUSTOMER, body: `my PIN is ${PIN} and the OTP is ${OTP}` });
  await sendBytes(mailPort, mailWithCard(), { from: 'ani@shop.example', to: ['support@desk.example'] });
  await agent.settled();
  await answerWithCard();
}, 120_000);
afterAll(async () => {
  await stream?.close();
  await earshot?.close();
  redis?.close();
  await twilio?.close();
  await world?.close();
});

/** In the sender's name, the subject, the text, the HTML (with tags between the digits) and a file's name. */
function mailWithCard(): Buffer {
  const html = `<p>Card <b>${GROUPS[0]}</b> ${GROUPS[1]}&nbsp;${GROUPS[2]}<i>-</i>${GROUPS[3]}, PIN: <u>${PIN}</u></p>`;
  return Buffer.from(
    [
      `From: "Ani ${CARD}" <ani@shop.example>`,
      `To: "Desk ${CARD}" <support@desk.example>`,
      `Subject: Charged twice on ${GROUPS.join(' ')}`,
      'Message-ID: <card@shop.example>',
      'Date: Tue, 24 Nov 2026 10:00:00 +0000',
      'Content-Type: multipart/mixed; boundary=m',
      '',
      '--m',
      'Content-Type: multipart/alternative; boundary=a',
      '',
      '--a',
      'Content-Type: text/plain; charset=utf-8',
      '',
      `Card ${GROUPS.join('-')}, PIN: ${PIN}, OTP ${OTP}`,
      '',
      `> quoted: ${CARD}`,
      '--a',
      'Content-Type: text/html; charset=utf-8',
      '',
      html,
      '--a--',
      '--m',
      `Content-Type: image/png; name="${CARD}.png"`,
      'Content-Transfer-Encoding: base64',
      '',
      'iVBORw0KGgo=',
      '--m--',
      '',
    ].join('\r\n'),
  );
}

/** Agents are careless too. */
async function answerWithCard(): Promise<void> {
  const tickets = await agent.tickets();
  expect(tickets.map(({ channel }) => channel).toSorted()).toEqual(['email', 'sms']);
  for (const { id, channel } of tickets) {
    const note = await earshot.api('POST', `tickets/${id}/notes`, {
      text: `Card ${CARD}, his PIN is ${PIN}`,
    });
    answers.push(JSON.stringify(note.body));
    const body = {
      text: `We refund to ${GROUPS.join(' ')}; your OTP is ${OTP}`,
      ...(channel === 'email' ? { html: `<p>We refund to <b>${CARD}</b>; your OTP is ${OTP}</p>` } : {}),
    };
    if (channel === 'sms') {
      // Something to be logged: what the provider refuses.
      twilio.fail({ kind: 'status', status: 400, code: 21614 });
      await agent.becomes((await agent.send(id, body)).id, 'failed');
    }
    const reply = await agent.send(id, body);
    await agent.becomes(reply.id, 'accepted');
  }
}

/** Card numbers are looked for whatever stands between the digits, the short ones as they are. */
function leaksOf(words: string): string[] {
  const plain = words.normalize('NFKC');
  const digits = plain.replace(/[^\d]/g, '');
  return [
    ...(digits.includes(CARD) ? ['card'] : []),
    ...[PIN, OTP].filter((secret) => plain.includes(secret)),
  ];
}

test('what this test looks with would find it', () => {
  for (const spelling of Object.values(SPELLINGS)) expect(leaksOf(`x ${spelling} y`)).toEqual(['card']);
  expect(leaksOf(`a ${PIN} b ${OTP}`)).toEqual([PIN, OTP]);
});

test('agents see what it was about, masked', async () => {
  const tickets = await agent.tickets();
  for (const { id } of tickets) {
    const messages = (await agent.messages(id)).filter(({ type }) => type !== 'activity');
    const masked = messages.filter(({ text }) => text.includes('•'));
    expect(masked).toHaveLength(messages.length);
    expect(JSON.stringify(messages)).toContain(`• ${CARD.slice(-4)}`);
  }
});

test('it is in no collection of MongoDB', async () => {
  const words = await wordsOfMongo(earshot.env.MONGODB_URI!);
  expect(words).toContain('messages: ');
  expect(words).toContain('rawInbound: ');
  expect(leaksOf(words)).toEqual([]);
});

test('it is in no key of Redis, nor was it ever said to Redis', async () => {
  expect(redis.said()).toContain('inbound');
  expect(leaksOf(redis.said())).toEqual([]);
  expect(leaksOf(await wordsOfRedis(redis.redis))).toEqual([]);
});

test('it is in no answer of the API and in no event', async () => {
  const lists = [
    'tickets',
    'contacts',
    'raw',
    'inboxes',
    'agents',
    'audit',
    `tickets?q=${CARD.slice(-4)}`,
    'me',
  ];
  for (const list of lists) await agent.get(list);
  for (const { id } of await agent.tickets()) {
    await agent.ticket(id);
    for (const message of await agent.messages(id)) {
      await agent.message(message.id);
      await agent.steps(message.id);
    }
  }
  for (const { id } of (await agent.get('contacts')).items) await agent.get(`contacts/${id}`);
  for (const { id } of await agent.raw()) await agent.get(`raw/${id}`);
  answers.push((await earshot.api('GET', '/metrics')).body);
  expect(answers.length).toBeGreaterThan(30);
  expect(leaksOf(answers.join('\n'))).toEqual([]);
  await stream.find(({ event }) => event.startsWith('message'), 'messages were told');
  expect(leaksOf(JSON.stringify(stream.events))).toEqual([]);
});

test('it is on no way out: an agent who writes one does not send it', () => {
  expect(sentBodies(twilio)).toEqual([expect.stringContaining('We refund to')]);
  expect(world.copies).toHaveLength(1);
  expect(leaksOf(sentBodies(twilio).join('\n'))).toEqual([]);
  expect(leaksOf(world.copies[0]!.raw.replace(/=\r\n/g, ''))).toEqual([]);
});

test('it is in no line of the log, at the level that tells most', async () => {
  await earshot.api('GET', `tickets?q=${CARD}`);
  await earshot.api('GET', `tickets/${CARD}`);
  expect(earshot.logs()).toContain('a reply was not sent');
  expect(leaksOf(earshot.logs())).toEqual([]);
});

test('the original opens for an admin alone, and each opening leaves a line', async () => {
  const { id, size } = (await agent.raw(`?inbox=${MAIL}`))[0];
  const path = `/api/v1/raw/${id}/original`;
  for (const role of ['agent', 'viewer'] as const) {
    const { token } = await earshot.addAgent({ role });
    for (const way of [path, `${path}/body`]) {
      const refused = await earshot.api('GET', way, undefined, { authorization: `Bearer ${token}` });
      expect(refused).toMatchObject({ status: 403, body: { code: 'permission_missing' } });
    }
  }
  const lines = async (): Promise<Json[]> => (await agent.get(`audit?subject=raw:${id}`)).items;
  expect(await lines()).toEqual([]);
  const opened = await earshot.api('GET', path);
  const original = Buffer.from(opened.body.body, 'base64');
  expect(original).toHaveLength(size);
  expect(original.toString()).toContain(CARD);
  const { id: admin } = await agent.get('me');
  expect(await lines()).toMatchObject([{ action: 'raw.open', actor: admin, subject: `raw:${id}` }]);
});
