import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SAME_REQUEST_MS } from '../../src/cli/signals.ts';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import {
  FAKE_ACCOUNT_SID,
  FAKE_AUTH_TOKEN,
  type FakeTwilio,
  startFakeTwilio,
} from '../support/fake-twilio.ts';
import { freePort } from '../support/free-port.ts';
import { runCli, spawnCli } from '../support/run-cli.ts';
import { testServices } from '../support/services.ts';
import { inboundParams, signedSms } from '../support/signed-sms.ts';
import { until } from '../support/until.ts';

/** An inbox added beside a running server must receive within this. */
const RECEIVES_WITHIN_MS = 5_000;
const NUMBER = '+15005550006';

let earshot: EarshotProcess;
let twilio: FakeTwilio;
let texts: Record<string, unknown>;

beforeAll(async () => {
  const { mongodbUri, redisUrl } = testServices();
  twilio = await startFakeTwilio();
  texts = { accountSid: FAKE_ACCOUNT_SID, authToken: FAKE_AUTH_TOKEN, from: NUMBER, apiBaseUrl: twilio.url };
  earshot = await startEarshot({ mongodbUri: mongodbUri(), redisUrl });
});
afterAll(async () => {
  await earshot?.close();
  await twilio?.close();
});

/** Runs a command that must work, and answers what it printed as JSON. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await earshot.cli(['--json', ...args]);
  if (code !== 0) throw new Error(`earshot ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}
const tickets = async () => (await earshot.api('GET', 'tickets')).body.items;

describe('inbox', () => {
  test('one that is added beside a running server receives within 5 s', async () => {
    const added = await json('inbox', 'add', 'sms', '--id', 'texts', '--config', JSON.stringify(texts));
    expect(added).toEqual({ id: 'texts', kind: 'sms', webhookUrl: `${earshot.url}/hooks/texts` });
    const params = inboundParams({
      accountSid: FAKE_ACCOUNT_SID,
      from: '+14155550123',
      to: NUMBER,
      body: 'Hello',
    });
    const request = signedSms({ authToken: FAKE_AUTH_TOKEN, url: added.webhookUrl, params });
    const accepted = async () => (await earshot.hook('texts', request)).status === 200;
    await until(accepted, 'the webhook is taken', RECEIVES_WITHIN_MS);
    // A ticket stands an instant before its message does.
    const [ticket] = await until(async () => {
      const found = await tickets();
      return found[0]?.messageCount === 1 && found;
    }, 'a ticket with its message');
    expect(ticket).toMatchObject({ inbox: 'texts', channel: 'sms' });
  });

  test('a mail inbox that is added takes mail by SMTP within 5 s', async () => {
    const port = await freePort();
    const config = { address: 'support@desk.example', listen: { port } };
    const added = await json('inbox', 'add', 'email', '--id', 'mails', '--config', JSON.stringify(config));
    expect(added).toEqual({ id: 'mails', kind: 'email' });
    const sent = async () => (await earshot.cli(['trigger', 'email.inbound', '--inbox', 'mails'])).code === 0;
    await until(sent, 'the mail is taken', RECEIVES_WITHIN_MS);
    await until(
      async () => (await tickets()).some((t: { inbox: string }) => t.inbox === 'mails'),
      'a ticket',
    );
  });

  test('words tell the operator what to enter at the provider', async () => {
    const { stdout } = await earshot.cli([
      'inbox',
      'add',
      'sms',
      '--id',
      'more-texts',
      '--config',
      JSON.stringify(texts),
    ]);
    expect(stdout).toContain(`${earshot.url}/hooks/more-texts#rc=5&rp=all`);
  });

  test('a second one of the same id is refused', async () => {
    const { code, stderr } = await earshot.cli([
      'inbox',
      'add',
      'sms',
      '--id',
      'texts',
      '--config',
      JSON.stringify(texts),
    ]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('another inbox "texts"')]);
  });

  test('the list shows all, and no secret', async () => {
    const { stdout } = await earshot.cli(['inbox', 'list', '--json']);
    expect(JSON.parse(stdout)).toEqual([
      expect.objectContaining({ id: 'mails', kind: 'email', paused: false }),
      expect.objectContaining({ id: 'more-texts', kind: 'sms' }),
      expect.objectContaining({ id: 'texts', kind: 'sms', webhookUrl: `${earshot.url}/hooks/texts` }),
    ]);
    expect(stdout).not.toContain(FAKE_AUTH_TOKEN);
    expect((await earshot.cli(['inbox', 'list'])).stdout).toMatch(/^texts +sms /m);
  });

  test('a try says how each step went, by its exit code too', async () => {
    const good = await earshot.cli(['inbox', 'test', 'texts', '--json']);
    expect([good.code, JSON.parse(good.stdout)]).toEqual([0, expect.objectContaining({ ok: true })]);
    const wrong = JSON.stringify({ ...texts, authToken: 'wrong' });
    await json('inbox', 'add', 'sms', '--id', 'wrong', '--config', wrong);
    const bad = await earshot.cli(['inbox', 'test', 'wrong']);
    expect([bad.code, bad.stdout]).toEqual([1, expect.stringMatching(/^FAIL account: credentials_rejected/)]);
  });

  test('pause, resume and remove do what they say; an unknown one is told', async () => {
    expect(await json('inbox', 'pause', 'wrong')).toMatchObject({ id: 'wrong', paused: true });
    expect(await json('inbox', 'resume', 'wrong')).toMatchObject({ paused: false });
    expect(await json('inbox', 'remove', 'wrong')).toEqual({ id: 'wrong', removed: true });
    expect((await json('inbox', 'list')).map((inbox: { id: string }) => inbox.id)).not.toContain('wrong');
    const { code, stderr } = await earshot.cli(['inbox', 'pause', 'wrong']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('no inbox "wrong"')]);
  });
});

describe('agent', () => {
  test('a token that is made opens the API, and is void once its agent is revoked', async () => {
    const added = await json(
      'agent',
      'add',
      '--name',
      'Ada',
      '--email',
      'Ada@Desk.example',
      '--role',
      'viewer',
      '--token',
    );
    expect(added).toEqual({ id: expect.stringMatching(/^[a-f0-9]{24}$/), token: expect.any(String) });
    const headers = { authorization: `Bearer ${added.token}` };
    expect((await earshot.api('GET', 'tickets', undefined, headers)).status).toBe(200);
    const listed = await earshot.cli(['agent', 'list', '--json']);
    expect(JSON.parse(listed.stdout)).toContainEqual(
      expect.objectContaining({ id: added.id, email: 'ada@desk.example', role: 'viewer', tokens: 1 }),
    );
    expect(listed.stdout).not.toContain(added.token);
    expect(await json('agent', 'revoke', 'ada@desk.example')).toMatchObject({ id: added.id, tokens: 0 });
    await until(
      async () => (await earshot.api('GET', 'tickets', undefined, headers)).status === 401,
      'the token is void',
    );
  });

  test.each([
    [['--role', 'king', '--email', 'k@desk.example'], 2, '"king" is no role'],
    [['--email', 'nobody'], 2, 'no mail address'],
  ])('wrong words are refused: %j', async (args, exit, words) => {
    const { code, stderr } = await earshot.cli(['agent', 'add', '--name', 'X', ...args]);
    expect([code, stderr]).toEqual([exit, expect.stringContaining(words)]);
  });

  test('two agents of one address are refused', async () => {
    const args = ['agent', 'add', '--name', 'Bo', '--email', 'bo@desk.example'];
    expect((await earshot.cli(args)).code).toBe(0);
    const { code, stderr } = await earshot.cli(args);
    expect([code, stderr]).toEqual([1, expect.stringContaining('exists already')]);
  });
});

describe('messages', () => {
  test('a triggered sample becomes a ticket, and tail shows it with its number', async () => {
    const tail = spawnCli(['tail', '--json', '--inbox', 'texts'], earshot.env);
    let shown = '';
    tail.stdout.on('data', (bytes) => {
      shown += bytes;
    });
    try {
      // Followed from when it has connected: samples are sent until the first shows up.
      await until(async () => {
        await json('trigger', 'sms.inbound', '--inbox', 'texts', '--text', 'Is anybody there?');
        return shown.includes('\n');
      }, 'tail shows a message');
    } finally {
      tail.kill('SIGTERM');
    }
    const line = JSON.parse(shown.split('\n', 1)[0]!);
    expect(line).toMatchObject({ direction: 'in', inbox: 'texts', text: 'Is anybody there?' });
    const numbers = (await tickets()).map((ticket: { number: number }) => ticket.number);
    expect(numbers).toContain(line.ticket);
  });

  test('samples can be sent in number', async () => {
    const { stdout } = await earshot.cli([
      'trigger',
      'sms.inbound',
      '--inbox',
      'texts',
      '--count',
      '3',
      '--json',
    ]);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).inbox),
    ).toEqual(['texts', 'texts', 'texts']);
  });

  test.each([
    [['sms.smoke'], 2, 'sms.inbound'],
    [['sms.inbound', '--inbox', 'mails'], 2, 'takes no sms.inbound'],
    [['sms.inbound', '--inbox', 'nowhere'], 1, 'no inbox "nowhere"'],
    [['sms.inbound', '--count', 'many'], 2, '--count'],
  ])('a sample that cannot be sent is told: %j', async (args, exit, words) => {
    const { code, stderr } = await earshot.cli(['trigger', ...args]);
    expect([code, stderr]).toEqual([exit, expect.stringContaining(words)]);
  });

  test('a delivery is found, looked into, and processed again without a second ticket', async () => {
    const before = await tickets();
    const [raw] = await json('raw', 'list', '--state', 'done', '--inbox', 'mails');
    expect(raw).toMatchObject({
      state: 'done',
      via: 'smtp',
      outcomes: [expect.objectContaining({ state: 'done' })],
    });
    expect(await json('raw', 'show', raw.id)).toEqual(raw);
    expect(await json('replay', raw.id)).toEqual({ id: raw.id, inbox: 'mails', state: 'received' });
    await until(async () => (await json('raw', 'show', raw.id)).state === 'done', 'it is processed again');
    expect(await tickets()).toEqual(before);
  });

  test('all deliveries in a state are processed again by one call', async () => {
    const done = await json('raw', 'list', '--state', 'done', '--inbox', 'texts');
    expect(done.length).toBeGreaterThan(2);
    const { code, stdout } = await earshot.cli(['--json', 'replay', '--state', 'done', '--inbox', 'texts']);
    const replayed = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id);
    expect(code).toBe(0);
    expect(replayed).toEqual(done.map((raw: { id: string }) => raw.id));
  });

  test('the original opens for an admin only, who is named', async () => {
    const [raw] = await json('raw', 'list', '--state', 'done', '--inbox', 'mails');
    const none = await earshot.cli(['raw', 'show', raw.id, '--body']);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('--as')]);
    const agent = await earshot.cli(['raw', 'show', raw.id, '--body', '--as', 'bo@desk.example']);
    expect([agent.code, agent.stdout]).toEqual([1, '']);
    await json('agent', 'add', '--name', 'Root', '--email', 'root@desk.example', '--role', 'admin');
    const admin = await earshot.cli(['raw', 'show', raw.id, '--body', '--as', 'root@desk.example']);
    expect([admin.code, admin.stdout]).toEqual([0, expect.stringMatching(/^To: .*support@desk\.example/im)]);
  });

  test('dead letters are listed by default: none here', async () => {
    expect(await json('raw', 'list')).toEqual([]);
    const { code, stderr } = await earshot.cli(['replay']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--state')]);
  });
});

describe('doctor', () => {
  test('finds everything well but a public address that only this machine reaches', async () => {
    const { code, stdout } = await earshot.cli(['doctor', '--json']);
    const findings = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(findings.filter((finding) => finding.result !== 'ok')).toEqual([
      { what: 'public address', result: 'warning', detail: expect.stringContaining('PUBLIC_URL') },
      expect.objectContaining({ what: 'inbox mails (email)', detail: expect.stringContaining('smtp') }),
    ]);
    expect(code).toBe(1);
    expect(findings.map((finding) => finding.what)).toEqual(
      expect.arrayContaining([
        'Redis memory',
        'replica set',
        'indexes',
        'clock',
        'disk',
        'inbox texts (sms)',
      ]),
    );
  });

  test('services that are away are told with what to do', async () => {
    const env = { ...earshot.env, MONGODB_URI: 'mongodb://127.0.0.1:1/x', REDIS_URL: 'redis://127.0.0.1:1' };
    const { code, stdout } = await runDoctor(env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAIL Redis: .*REDIS_URL/m);
    expect(stdout).toMatch(/^FAIL MongoDB: /m);
  });
});

async function runDoctor(env: Record<string, string>) {
  return runCli(['doctor'], { env });
}

describe('start and stop', () => {
  test('a port that is taken is one line', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as { port: number };
    const { code, stderr } = await runCli(['start'], { env: { ...earshot.env, PORT: String(port) } });
    blocker.close();
    expect([code, stderr]).toEqual([
      1,
      `Port ${port} is taken by another program: end it, or set PORT to another one.\n`,
    ]);
  });

  test('a server that is asked to end does so at once, though somebody listens to its events', async () => {
    const { mongodbUri, redisUrl } = testServices();
    const second = await startEarshot({ mongodbUri: mongodbUri(), redisUrl });
    const serverFile = join(second.env.EARSHOT_DATA!, 'server.json');
    expect(existsSync(serverFile)).toBe(true);
    const events = await fetch(`${second.url}/api/v1/events`, {
      headers: { authorization: `Bearer ${second.token}` },
    });
    expect(events.status).toBe(200);
    const since = performance.now();
    expect(await second.kill('SIGTERM')).toBe(0);
    expect(performance.now() - since).toBeLessThan(5_000);
    await events.body?.cancel().catch(() => {});
    expect(existsSync(serverFile)).toBe(false);
    expect(second.logs()).toContain('Earshot has ended');
    const { code, stderr } = await second.cli(['trigger', 'sms.inbound']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('No server runs')]);
    await second.close();
  });

  test('with Redis away it starts, takes messages in, answers /metrics, and ends promptly', async () => {
    const { mongodbUri } = testServices();
    const second = await startEarshot({ mongodbUri: mongodbUri(), redisUrl: 'redis://127.0.0.1:1' });
    await second.addInbox('sms', 'texts', texts);
    const params = inboundParams({ accountSid: FAKE_ACCOUNT_SID, from: '+1415', to: NUMBER, body: 'Hi' });
    const url = `${second.url}/hooks/texts`;
    const request = signedSms({ authToken: FAKE_AUTH_TOKEN, url, params });
    expect((await second.hook('texts', request)).status).toBe(200);
    expect((await second.api('GET', '/metrics')).body).toContain('earshot_deliveries_received_total');
    const since = performance.now();
    expect(await second.kill('SIGTERM')).toBe(0);
    expect(performance.now() - since).toBeLessThan(8_000);
    await second.close();
  });

  test('a second signal ends a server that waits for a request which never ends', async () => {
    const { mongodbUri, redisUrl } = testServices();
    const second = await startEarshot({ mongodbUri: mongodbUri(), redisUrl });
    await second.addInbox('sms', 'texts', texts);
    const socket = connect(second.port, '127.0.0.1');
    socket.on('error', () => {}); // it is cut when the server ends
    // The 100 says that the head of the request has been read: from here on it is under way.
    const head = ['Host: x', 'Content-Length: 100', 'Content-Type: text/plain', 'Expect: 100-continue'];
    socket.write(`POST /hooks/texts HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
    await once(socket, 'data');
    const ended = second.kill('SIGTERM');
    await until(() => second.logs().includes('it finishes what runs'), 'it is ending');
    await delay(SAME_REQUEST_MS);
    expect(await second.kill('SIGTERM')).toBe(143);
    await ended;
    socket.destroy();
    await second.close();
  });

  test('a supervisor that signals the process and its group asks once: nothing is cut off', async () => {
    const { mongodbUri, redisUrl } = testServices();
    const second = await startEarshot({ mongodbUri: mongodbUri(), redisUrl });
    const ended = second.kill('SIGTERM');
    void second.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(second.logs()).toContain('Earshot has ended');
    await second.close();
  });

  test('the file of a killed server deceives nobody', async () => {
    const { mongodbUri, redisUrl } = testServices();
    const second = await startEarshot({ mongodbUri: mongodbUri(), redisUrl });
    await second.kill('SIGKILL');
    expect(existsSync(join(second.env.EARSHOT_DATA!, 'server.json'))).toBe(true);
    const { code, stderr } = await second.cli(['trigger', 'sms.inbound']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('No server runs')]);
    await second.close();
  });

  test('roles can run in processes of their own', async () => {
    const { mongodbUri, redisUrl } = testServices();
    const uri = mongodbUri();
    const worker = await startEarshot({ mongodbUri: uri, redisUrl, roles: ['workers'] });
    const gateway = await startEarshot({ mongodbUri: uri, redisUrl, roles: ['gateway'] });
    await expect(fetch(`${worker.url}/healthz`)).rejects.toThrow();
    await gateway.addInbox('sms', 'texts', texts);
    const params = inboundParams({
      accountSid: FAKE_ACCOUNT_SID,
      from: '+14155550123',
      to: NUMBER,
      body: 'Hi',
    });
    const url = `${gateway.url}/hooks/texts`;
    expect((await gateway.hook('texts', signedSms({ authToken: FAKE_AUTH_TOKEN, url, params }))).status).toBe(
      200,
    );
    await until(
      async () => (await gateway.api('GET', 'tickets')).body.items.length === 1,
      'the worker made a ticket',
    );
    await Promise.all([worker.close(), gateway.close()]);
  });
});
