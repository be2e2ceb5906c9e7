import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCli } from '../support/run-cli.ts';
import { signedGet, signedJson, signedSms } from '../support/signed-sms.ts';

const FILES = 300;
const QUICK_MS = 20_000;
const BIG_BYTES = 6 * 1024 * 1024;
const AUTH_TOKEN = 'token-of-the-tests';
const CONFIG = { accountSid: 'AC123', authToken: AUTH_TOKEN, from: '+15005550006' };
const URL = 'https://desk.example/hooks/texts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-offline-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** In an empty folder, with services that nobody could reach: whoever asks for them fails. */
const env = { MONGODB_URI: 'mongodb://127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' };
const earshot = (args: string[], stdin?: string) =>
  runCli(args, { cwd: folder, env, ...(stdin === undefined ? {} : { stdin }) });
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

function mail(n: number): string {
  return [
    `From: Ana <ana${n}@customer.example>`,
    'To: support@desk.example',
    `Subject: Question ${n}`,
    `Message-ID: <${n}@customer.example>`,
    'Date: Tue, 24 Nov 2026 10:00:00 +0000',
    '',
    `Body ${n}`,
    '',
  ].join('\r\n');
}

async function put(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return name;
}

describe('the command line itself', () => {
  test('--help names every command', async () => {
    const { code, stdout } = await earshot(['--help']);
    expect(code).toBe(0);
    for (const command of 'start demo doctor inbox agent inspect verify trigger tail replay raw'.split(' '))
      expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'));
  });

  test('a mistyped command is a wrong call, with the right one named', async () => {
    const { code, stderr } = await earshot(['inspct', 'email']);
    expect(code).toBe(2);
    expect(stderr).toContain("unknown command 'inspct'");
    expect(stderr).toContain('Did you mean inspect?');
  });

  test('a missing option is a wrong call', async () => {
    const { code, stderr } = await earshot(['inbox', 'add', 'sms', '--config', '{}']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--id')]);
  });

  test('mistakes in the environment are told one a line, without a stack', async () => {
    const { code, stdout, stderr } = await runCli(['start'], {
      cwd: folder,
      env: { PORT: 'eighty', HOST: 'a b', LOG_LEVEL: 'loud', EARSHOT_SECRET: 'short' },
    });
    expect([code, stdout]).toEqual([1, '']);
    const told = stderr.trim().split('\n');
    expect(told.map((line) => line.split(':', 1)[0]).sort()).toEqual([
      'EARSHOT_SECRET',
      'HOST',
      'LOG_LEVEL',
      'PORT',
    ]);
    expect(stderr).not.toContain('short"');
  });

  test('an unknown role is a wrong call', async () => {
    const { code, stderr } = await earshot(['start', '--role', 'gateway,cook']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('"cook" is no role')]);
  });

  test('every mistake in an inbox config is told before any service is asked', async () => {
    const { code, stderr } = await earshot(['inbox', 'add', 'sms', '--id', 'x', '--config', '{}']);
    expect(code).toBe(1);
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^accountSid: /),
      expect.stringMatching(/^authToken: /),
    ]);
  });

  test.each([
    ['not JSON', '{', 'is no JSON'],
    ['no object', '[1]', 'holds no JSON object'],
    ['a missing file', '@nowhere.json', 'nowhere.json cannot be read (ENOENT)'],
  ])('a config that is %s is a wrong call', async (_what, config, words) => {
    const { code, stderr } = await earshot(['inbox', 'add', 'sms', '--id', 'x', '--config', config]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  });

  test('with --json an error is JSON too', async () => {
    const { code, stderr } = await earshot(['--json', 'inbox', 'add', 'fax', '--id', 'x', '--config', '{}']);
    expect(code).toBe(1);
    expect(JSON.parse(stderr).error).toEqual({
      code: 'unknown_kind',
      message: expect.stringContaining('email, sms'),
    });
  });
});

describe('inspect', () => {
  test('hundreds of mails in one call come out in the order given, quickly', async () => {
    const names = Array.from({ length: FILES }, (_, n) => `mail-${FILES - n}.eml`);
    await Promise.all(names.map((name, n) => put(name, mail(n))));
    const since = performance.now();
    const { code, stdout } = await earshot(['inspect', 'email', ...names]);
    expect(performance.now() - since).toBeLessThan(QUICK_MS);
    expect(code).toBe(0);
    const found = lines(stdout);
    expect(found.map((line) => line.file)).toEqual(names);
    expect(found.map((line) => line.events[0].subject)).toEqual(names.map((_, n) => `Question ${n}`));
  });

  test('a file that is missing costs its own line and the exit code, not its neighbours', async () => {
    const good = await put('good.eml', mail(1));
    const { code, stdout } = await earshot(['inspect', 'email', good, 'gone.eml', good]);
    expect(code).toBe(1);
    expect(lines(stdout)).toEqual([
      {
        file: good,
        events: [expect.objectContaining({ type: 'message', externalId: '<1@customer.example>' })],
      },
      { file: 'gone.eml', error: { code: 'file_unreadable', message: expect.stringContaining('ENOENT') } },
      { file: good, events: [expect.objectContaining({ type: 'message' })] },
    ]);
  });

  test('a mail too big for memory is streamed', async () => {
    const attachment = Buffer.alloc(BIG_BYTES, 7).toString('base64').replace(/.{76}/g, '$&\r\n');
    const name = await put(
      'big.eml',
      `From: a@b.example\r\nTo: support@desk.example\r\nMessage-ID: <big@b.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nsee file\r\n--x\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${attachment}\r\n--x--\r\n`,
    );
    const { code, stdout } = await earshot(['inspect', 'email', name]);
    expect(code).toBe(0);
    expect(lines(stdout)[0].events[0].attachments).toEqual([
      expect.objectContaining({ name: 'a.pdf', type: 'application/pdf' }),
    ]);
  });

  test('a webhook body is read as the form or the JSON that it is', async () => {
    const fields = {
      AccountSid: 'AC123',
      MessageSid: 'SM1',
      From: '+14155550123',
      To: '+15005550006',
      Body: 'Hi & bye',
    };
    const form = await put('form.txt', new URLSearchParams(fields).toString());
    const json = await put('json.txt', `\n ${JSON.stringify(fields)}`);
    const { code, stdout } = await earshot(['inspect', 'sms', form, json]);
    expect(code).toBe(0);
    for (const { events } of lines(stdout))
      expect(events).toEqual([
        expect.objectContaining({ type: 'message', externalId: 'SM1', text: 'Hi & bye' }),
      ]);
  });

  test('an unknown kind names those that there are', async () => {
    const { code, stderr } = await earshot(['inspect', 'pigeon', 'x']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('there are: email, sms')]);
  });
});

describe('verify', () => {
  const ask = (
    request: { url: string; method: string; headers: Record<string, string>; body: string },
    changes: { url?: string; body?: string } = {},
  ) =>
    earshot(
      [
        'verify',
        'sms',
        '--config',
        JSON.stringify(CONFIG),
        '--url',
        changes.url ?? request.url,
        '--method',
        request.method,
        ...Object.entries(request.headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
      ],
      changes.body ?? request.body,
    );
  const params = { AccountSid: 'AC123', MessageSid: 'SM1', From: '+1415', Body: 'Hi' };

  test.each([
    ['a form', signedSms({ authToken: AUTH_TOKEN, url: URL, params })],
    ['a form under a URL with a query', signedSms({ authToken: AUTH_TOKEN, url: `${URL}?m=a%20b`, params })],
    ['a JSON body', signedJson({ authToken: AUTH_TOKEN, url: URL, body: JSON.stringify(params) })],
    ['a GET', signedGet({ authToken: AUTH_TOKEN, url: URL, params })],
  ])('%s that was signed is genuine', async (_what, request) => {
    const { code, stdout } = await ask(request);
    expect([code, JSON.parse(stdout)]).toEqual([0, { ok: true }]);
  });

  test.each([
    ['another body', { body: new URLSearchParams({ ...params, Body: 'No' }).toString() }],
    ['another host', { url: 'https://evil.example/hooks/texts' }],
    ['another query', { url: `${URL}?m=1` }],
  ])('%s than the signed one is refused with a reason', async (_what, changes) => {
    const { code, stdout } = await ask(signedSms({ authToken: AUTH_TOKEN, url: URL, params }), changes);
    expect([code, JSON.parse(stdout)]).toEqual([1, { ok: false, reason: expect.stringMatching(/\w+/) }]);
  });

  test('a channel that nobody calls has nothing to verify', async () => {
    const config = '{"address":"support@desk.example","listen":{"port":0}}';
    const { code, stderr } = await earshot(['verify', 'email', '--config', config, '--url', URL], '');
    expect([code, stderr]).toEqual([2, expect.stringContaining('no webhook')]);
  });
});

test('these commands leave no file behind', async () => {
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
});
