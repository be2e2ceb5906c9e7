import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { email } from '../../channels/email/index.ts';
import type {
  Channel,
  ConversationId,
  InboxId,
  MessageId,
  OutboundMessage,
  RawInbound,
} from '../../src/contract/index.ts';
import { freePort } from '../support/free-port.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { createDeps, createRecorder, type Kept, sampleMail, until } from './harness.ts';

const TOKEN = `m${'a1'.repeat(20)}`;
const REPLY_TOKEN = `c${'b2'.repeat(20)}`;

let postfix: Postfix;
let world: SMTPServer;
let channel: Channel;
let recorder: ReturnType<typeof createRecorder>;
/** What left for the customers. */
let delivered: { from: string; to: string[]; raw: string }[] = [];
const abort = new AbortController();
let done: Promise<void>;

beforeAll(async () => {
  world = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    closeTimeout: 100,
    onRcptTo({ address }, _session, next) {
      next(
        address.startsWith('gone')
          ? Object.assign(new Error('5.1.1 No such user here'), { responseCode: 550 })
          : null,
      );
    },
    onData(stream, { envelope }, next) {
      buffer(stream).then((bytes) => {
        delivered.push({
          from: envelope.mailFrom ? envelope.mailFrom.address : '',
          to: envelope.rcptTo.map((each) => each.address),
          raw: bytes.toString('latin1'),
        });
        next();
      }, next);
    },
  });
  world.on('error', () => {});
  world.listen(0, '127.0.0.1');
  await once(world.server, 'listening');
  const deskPort = await freePort();
  const worldPort = (world.server.address() as { port: number }).port;
  postfix = await startPostfix({ domain: 'desk.example', deskPort, worldPort });
  const config = email.configSchema.parse({
    address: 'support@desk.example',
    listen: { port: deskPort },
    smtp: { host: '127.0.0.1', port: postfix.port, secure: false },
  });
  const { deps, health } = createDeps();
  channel = email.open(config, deps);
  recorder = createRecorder();
  done = channel.sources![0]!.run((arrival) => recorder.record(arrival), abort.signal);
  await until('the listener is bound', () => health.some(({ ok }) => ok));
});

afterAll(async () => {
  abort.abort();
  await done;
  await channel.close();
  await postfix.stop();
  await new Promise<void>((resolve) => world.close(resolve));
});

beforeEach(() => {
  recorder = createRecorder();
  delivered = [];
});

const reply = (to: string): OutboundMessage => ({
  id: '0'.repeat(24) as MessageId,
  inbox: 'support' as InboxId,
  conversation: '1'.repeat(24) as ConversationId,
  to: [{ kind: 'email', value: to }],
  cc: [],
  subject: 'Question',
  text: 'Here is the answer.',
  attachments: [],
  inReplyTo: '<q1@customer.example>',
  references: [],
  token: TOKEN,
  replyToken: REPLY_TOKEN,
  automatic: false,
  piece: { index: 0, count: 1 },
  createdAt: new Date(),
});

const rawOf = ({ envelope, bytes }: Kept): RawInbound => ({
  id: '2'.repeat(24) as RawInbound['id'],
  inbox: 'support' as InboxId,
  envelope,
  body: {
    size: bytes.length,
    bytes,
    open: () => {
      throw new Error('the bytes are at hand');
    },
  },
  receivedAt: new Date(),
});

describe('beside a real mail server', () => {
  test('it delivers customers’ mail into the listener', async () => {
    await toPostfix('support@desk.example', sampleMail(1));
    await until('the mail', () => recorder.kept.length === 1);
    const [kept] = recorder.kept;
    expect(kept!.envelope).toMatchObject({ from: 'ana@customer.example', to: ['support@desk.example'] });
    expect(kept!.text).toContain('This is question 1.');
    expect(kept!.text).toMatch(/^Received: /);
  });

  test('while the store is away it keeps the mail and brings it later, once', async () => {
    recorder.storeAway = true;
    await toPostfix('support@desk.example', sampleMail(2));
    await until('the first try', () => recorder.attempts > 0);
    recorder.storeAway = false;
    await until('the mail', () => recorder.kept.length > 0);
    expect(recorder.kept).toHaveLength(1);
    expect(recorder.kept[0]!.text).toContain('This is question 2.');
  });

  test('it takes our reply and passes it on with our return path', async () => {
    const result = await channel.send!(reply('ana@customer.example'), new AbortController().signal);
    expect(result).toMatchObject({ externalId: `<${TOKEN}@desk.example>`, status: 'accepted' });
    await until('the reply is out', () => delivered.length === 1);
    expect(delivered[0]).toMatchObject({
      from: `support+${TOKEN}@desk.example`,
      to: ['ana@customer.example'],
    });
    expect(delivered[0]!.raw).toContain(`Message-ID: <${TOKEN}@desk.example>`);
  });

  test('the bounce of a reply comes back, names the reply, and is no customer’s message', async () => {
    await channel.send!(reply('gone@customer.example'), new AbortController().signal);
    await until('the bounce', () => recorder.kept.length === 1);
    const [bounce] = recorder.kept;
    expect(bounce!.envelope).toMatchObject({ from: '', to: [`support+${TOKEN}@desk.example`] });
    expect(bounce!.text).toContain(`Original-Envelope-Id: ${TOKEN}`);
    const { events } = await channel.normalise(rawOf(bounce!));
    expect(events.find(({ type }) => type === 'message')).toMatchObject({ automation: 'bounce' });
    expect(events.find(({ type }) => type === 'receipt')).toMatchObject({
      about: { token: TOKEN },
      status: 'failed',
      permanent: true,
      code: '5.1.1',
      recipient: { kind: 'email', value: 'gone@customer.example' },
    });
  });
});

async function toPostfix(to: string, raw: string) {
  const transport = createTransport({ host: '127.0.0.1', port: postfix.port, ignoreTLS: true });
  try {
    await transport.sendMail({ envelope: { from: 'ana@customer.example', to }, raw });
  } finally {
    transport.close();
  }
}
