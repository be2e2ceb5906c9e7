/**
 * A private Postfix on a loopback port: its own configuration, queue and log in a temporary folder. Mail for the
 * desk's domain goes to one server (our listener), everything else to another. Postfix must be started by root.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const DAEMONS = '/usr/lib/postfix/sbin';
const QUEUES =
  'active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace'.split(' ');
const START_TRIES = 200;
const START_WAIT_MS = 50;
const run = promisify(execFile);

export interface Postfix {
  port: number;
  log(): Promise<string>;
  stop(): Promise<void>;
}

export async function startPostfix(given: {
  domain: string;
  /** Where mail for the domain goes. */
  deskPort: number;
  /** Where all other mail goes. */
  worldPort: number;
}): Promise<Postfix> {
  if (process.getuid?.() !== 0) throw new Error('Postfix can be started by root only.');
  const root = await mkdtemp(path.join(tmpdir(), 'earshot-postfix-'));
  await chmod(root, 0o755);
  const at = (...parts: string[]) => path.join(root, ...parts);
  const port = await freePort();
  for (const folder of ['config', 'data', 'queue', 'queue/pid', ...QUEUES.map((name) => `queue/${name}`)])
    await mkdir(at(folder));
  await run('chown', ['postfix:postfix', at('data'), ...QUEUES.map((name) => at('queue', name))]);
  await run('chown', ['postfix:postdrop', at('queue/maildrop'), at('queue/public')]);
  await writeFile(at('config/main.cf'), mainCf(root, given));
  await writeFile(at('config/master.cf'), masterCf(port));
  const master: ChildProcess = spawn(`${DAEMONS}/master`, ['-c', at('config'), '-d'], {
    stdio: 'ignore',
    detached: true,
  });
  const log = () => readFile(at('log'), 'utf8').catch(() => '');
  for (let tries = 0; !(await greets(port)); tries++) {
    if (master.exitCode !== null || tries > START_TRIES)
      throw new Error(`Postfix did not start:\n${await log()}`);
    await new Promise((resolve) => setTimeout(resolve, START_WAIT_MS));
  }
  return {
    port,
    log,
    async stop() {
      if (master.pid && master.exitCode === null) {
        const ended = once(master, 'exit');
        process.kill(-master.pid, 'SIGTERM');
        await ended;
      }
      await rm(root, { recursive: true, force: true });
    },
  };
}

function mainCf(root: string, given: { domain: string; deskPort: number; worldPort: number }): string {
  return `
compatibility_level = 3.6
queue_directory = ${root}/queue
data_directory = ${root}/data
daemon_directory = ${DAEMONS}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${root}/log
maillog_file_prefixes = ${root}
myhostname = mx.border.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
local_recipient_maps =
transport_maps = inline:{ { ${given.domain} = smtp:[127.0.0.1]:${given.deskPort} } }
relayhost = [127.0.0.1]:${given.worldPort}
smtp_dns_support_level = disabled
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
notify_classes =
`;
}

function masterCf(port: number): string {
  return `
127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
`;
}

/** Whether an SMTP server greets there. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (bytes) => end(bytes.toString().startsWith('220')));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
