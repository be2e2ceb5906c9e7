import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import { runCli } from '../support/run-cli.ts';
import { testServices } from '../support/services.ts';
import { inboundParams, signedSms } from '../support/signed-sms.ts';
import { until } from '../support/until.ts';

const ACCOUNT = `AC${'7'.repeat(32)}`;
const NUMBER = '+15005550006';
const OLD_TOKEN = 'token-of-yesterday';
const NEW_TOKEN = 'token-of-today';
/** A changed inbox is in use within this. */
const OPENED_WITHIN_MS = 5_000;
const config = { accountSid: ACCOUNT, from: NUMBER };

let folder: string;
let earshot: EarshotProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-config-'));
  const { mongodbUri, redisUrl } = testServices();
  earshot = await startEarshot({ mongodbUri: mongodbUri(), redisUrl });
  const given = JSON.stringify({ ...config, authToken: OLD_TOKEN });
  await earshot.cli(['inbox', 'add', 'sms', '--id', 'texts', '--config', given]);
});
afterAll(async () => {
  await earshot?.close();
  await rm(folder, { recursive: true, force: true });
});

async function update(changed: object, ...more: string[]) {
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify(changed));
  return earshot.cli(['inbox', 'update', 'texts', '--config', `@${file}`, ...more]);
}

const answers = async (authToken: string) => {
  const params = inboundParams({ accountSid: ACCOUNT, from: '+14155550123', to: NUMBER, body: 'Hello' });
  const url = `${earshot.url}/hooks/texts`;
  return (await earshot.hook('texts', signedSms({ authToken, url, params }))).status;
};

test('a new password given to a running inbox is the one that counts, and is not shown', async () => {
  const { code, stdout } = await update({ ...config, authToken: NEW_TOKEN }, '--json');
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    expect.objectContaining({
      id: 'texts',
      secrets: ['authToken'],
      webhookUrl: `${earshot.url}/hooks/texts`,
    }),
  ]);
  expect(stdout).not.toContain(NEW_TOKEN);
  await until(async () => (await answers(NEW_TOKEN)) === 200, 'the new token counts', OPENED_WITHIN_MS);
  expect(await answers(OLD_TOKEN)).toBe(403);
});

test('a secret that is left out stays; null takes it away, which is refused where it is needed', async () => {
  const { code, stdout } = await update({ ...config, from: '+15005550007' }, '--name', 'Second number');
  expect([code, stdout]).toEqual([0, expect.stringContaining('inbox texts (sms) is changed')]);
  const [shown] = JSON.parse((await earshot.cli(['inbox', 'list', '--json'])).stdout);
  expect(shown).toMatchObject({
    name: 'Second number',
    config: { from: '+15005550007' },
    secrets: ['authToken'],
  });
  const without = await update({ ...config, authToken: null });
  expect([without.code, without.stderr]).toEqual([1, expect.stringContaining('authToken is missing')]);
});

test.each([
  [['texts'], 2, '--config @FILE'],
  [['texts', '--config', '{"from":'], 2, 'no JSON'],
  [['nowhere', '--name', 'X'], 1, 'no inbox "nowhere"'],
])('a change that cannot be made is told: %j', async (args, exit, words) => {
  const { code, stderr } = await earshot.cli(['inbox', 'update', ...args]);
  expect([code, stderr]).toEqual([exit, expect.stringContaining(words)]);
});

test('whoever completes a config from his own environment is told what the server must have too', async () => {
  const provider = { TWILIO_ACCOUNT_SID: ACCOUNT, TWILIO_AUTH_TOKEN: OLD_TOKEN, TWILIO_PHONE_NUMBER: NUMBER };
  const env = { ...earshot.env, ...provider };
  const args = ['inbox', 'add', 'sms', '--config'];
  const all = await runCli([...args, '{}', '--id', 'borrowed'], { env });
  expect(all.stdout).toMatch(
    /^taken from this environment.* server too: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_PHONE_NUMBER$/m,
  );
  expect(all.stdout).not.toContain(OLD_TOKEN);
  const some = JSON.stringify({ ...config, accountSid: `AC${'8'.repeat(32)}`, authToken: NEW_TOKEN });
  const none = await runCli([...args, some, '--id', 'complete'], { env });
  expect([none.code, none.stdout]).toEqual([0, expect.not.stringContaining('environment')]);
  const mail = JSON.stringify({ address: 'a@desk.example', listen: { port: 0 } });
  const mailEnv = { ...env, SMTP_URL: 'smtp://u:hidden@mail.example:587' };
  const sender = await runCli(['inbox', 'add', 'email', '--id', 'mails', '--config', mail], { env: mailEnv });
  expect(sender.stdout).toMatch(/ server too: SMTP_URL$/m);
});
