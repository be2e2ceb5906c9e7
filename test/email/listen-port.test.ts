import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../support/free-port.ts';
import { sampleMail, until } from './harness.ts';
import { deliver, listenFor, stopAll } from './listen-harness.ts';

afterEach(stopAll);

const ROOT = new URL('../..', import.meta.url);
/** A listener for support@desk.example in a process of its own; says so once it listens. */
const OTHER_PROCESS = `
  import { createListener } from './channels/email/listen.ts';
  const port = Number(process.argv[1]);
  const health = { ok: (line) => console.log(line), failing: (code) => { throw new Error(code); } };
  const deps = { host: '127.0.0.1', health, log: { warn() {} } };
  const config = { address: 'support@desk.example', listen: { port } };
  await createListener(config, deps).run(async () => { throw new Error('no mail expected'); }, new AbortController().signal);
`;

describe('the port of the SMTP listener', () => {
  test('a taken port is told, and listened on as soon as it is free', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const inbox = await listenFor({ address: 'support@desk.example', port });
    await until('the trouble is told', () => inbox.health.some((line) => line.code === 'port_taken'));
    other.close();
    await until('the listener is bound', () => inbox.source.port() === port);
    await deliver(port, ['support@desk.example'], sampleMail(1));
    expect(inbox.recorder.kept).toHaveLength(1);
    expect(inbox.health.at(-1)!.ok).toBe(true);
  });

  test('a second process of the desk stands by without an alarm, and takes over when the first dies', async () => {
    const port = await freePort();
    const first = spawn(process.execPath, ['--input-type=module', '-e', OTHER_PROCESS, String(port)], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(first.stdout, 'data');
    const inbox = await listenFor({ address: 'support@desk.example', port });
    await until('it reports', () => inbox.health.length > 0);
    expect(inbox.health).toMatchObject([{ ok: true }]);
    expect(inbox.source.port()).toBeUndefined();
    first.kill('SIGKILL');
    await until('it took over', () => inbox.source.port() === port);
    await deliver(port, ['support@desk.example'], sampleMail(1));
    expect(inbox.recorder.kept).toHaveLength(1);
  });

  test('another desk on the port, which does not know our address, is an alarm', async () => {
    const port = await freePort();
    const first = spawn(process.execPath, ['--input-type=module', '-e', OTHER_PROCESS, String(port)], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(first.stdout, 'data');
    const inbox = await listenFor({ address: 'sales@shop.example', port });
    await until('it reports', () => inbox.health.length > 0);
    expect(inbox.health[0]).toMatchObject({ ok: false, code: 'port_taken' });
    first.kill('SIGKILL');
  });
});
