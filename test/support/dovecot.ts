/** A private Dovecot on a loopback port: its own configuration, users and Maildirs in a temporary folder. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ImapFlow } from 'imapflow';
import { freePort } from './free-port.ts';

const DOVECOT = '/usr/sbin/dovecot';
/** Dovecot gives root no mailbox; run by root, the mail belongs to this user. */
const NOBODY_ID = 65_534;
const START_TRIES = 100;
const START_WAIT_MS = 50;

export interface Dovecot {
  port: number;
  /** Adds a mailbox, or changes its password. */
  setPassword(user: string, password: string): Promise<void>;
  /** Lays a mail into a folder as a mail server would; returns once the server may show it. */
  deliver(user: string, bytes: string | Buffer, options?: { folder?: string; at?: Date }): Promise<void>;
  createFolder(user: string, folder: string): Promise<void>;
  deleteFolder(user: string, folder: string): Promise<void>;
  /** Flags of every mail, oldest first, read without touching them. */
  flags(user: string, folder?: string): Promise<string[][]>;
  /** Forgets all UIDs: the next client sees a new UIDVALIDITY. The server must be stopped. */
  resetUidValidity(user: string, folder?: string): Promise<void>;
  /** Logins that were refused since the start. */
  refusedLogins(): Promise<number>;
  /** What each IMAP process does at the moment ("imap: [box 127.0.0.1 IDLE]"). */
  processTitles(): Promise<string>;
  start(): Promise<void>;
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** As a power cut would: no goodbye to anyone. */
  kill(): Promise<void>;
  /** Stops it and removes its folder. */
  dispose(): Promise<void>;
}

/** `introspectionUrl`: where the server asks whether an access token is good (RFC 7662); without it, passwords only. */
export async function startDovecot(
  users: Record<string, string>,
  introspectionUrl?: string,
): Promise<Dovecot> {
  const root = await mkdtemp(path.join(tmpdir(), 'earshot-dovecot-'));
  const port = await freePort();
  const asRoot = process.getuid?.() === 0;
  const uid = asRoot ? NOBODY_ID : process.getuid!();
  const gid = asRoot ? NOBODY_ID : process.getgid!();
  const passwords = new Map<string, string>();
  const at = (...parts: string[]) => path.join(root, ...parts);
  const maildir = (user: string, folder = 'INBOX') =>
    folder === 'INBOX' ? at('mail', user) : at('mail', user, `.${folder}`);
  let server: ChildProcess | undefined;
  let delivered = 0;

  async function own(...files: string[]) {
    if (asRoot) for (const file of files) await chown(file, uid, gid);
  }

  async function makeMaildir(folder: string) {
    for (const part of ['tmp', 'new', 'cur']) {
      await mkdir(path.join(folder, part), { recursive: true });
      await own(path.join(folder, part));
    }
    await own(folder);
  }

  async function client(user: string): Promise<ImapFlow> {
    const imap = new ImapFlow({
      host: '127.0.0.1',
      port,
      secure: false,
      auth: { user, pass: passwords.get(user)! },
      logger: false,
    });
    await imap.connect();
    return imap;
  }

  async function withClient<T>(user: string, act: (imap: ImapFlow) => Promise<T>): Promise<T> {
    const imap = await client(user);
    try {
      return await act(imap);
    } finally {
      await imap.logout();
    }
  }

  async function logCount(pattern: RegExp): Promise<number> {
    const log = await readFile(at('log'), 'utf8').catch(() => '');
    return log.match(pattern)?.length ?? 0;
  }

  const dovecot: Dovecot = {
    port,
    async setPassword(user, password) {
      passwords.set(user, password);
      // A file a user: Dovecot looks for changes of one file once a second only.
      const line = `${user}:{PLAIN}${password}:${uid}:${gid}::${at('mail', user)}::\n`;
      await writeFile(at('users', `${user}.new`), line);
      await rename(at('users', `${user}.new`), at('users', user));
      await makeMaildir(maildir(user));
    },
    async deliver(user, bytes, { folder, at: receivedAt } = {}) {
      const number = String(delivered++).padStart(8, '0');
      const name = `1700000000.M${number}P1.earshot`;
      const temporary = path.join(maildir(user, folder), 'tmp', name);
      await writeFile(temporary, bytes);
      await own(temporary);
      if (receivedAt) await utimes(temporary, receivedAt, receivedAt);
      await rename(temporary, path.join(maildir(user, folder), 'new', name));
    },
    createFolder: (user, folder) =>
      withClient(user, async (imap) => {
        await imap.mailboxCreate(folder);
      }),
    deleteFolder: (user, folder) =>
      withClient(user, async (imap) => {
        await imap.mailboxDelete(folder);
      }),
    flags: (user, folder = 'INBOX') =>
      withClient(user, async (imap) => {
        await imap.mailboxOpen(folder, { readOnly: true });
        const rows = await imap.fetchAll('1:*', { uid: true, flags: true });
        return rows.map((row) => [...(row.flags ?? [])].filter((flag) => flag !== '\\Recent'));
      }),
    async resetUidValidity(user, folder) {
      const files = await readdir(maildir(user, folder));
      for (const file of files.filter((name) => /^dovecot[.-]/.test(name)))
        await rm(path.join(maildir(user, folder), file), { force: true });
    },
    refusedLogins: () => logCount(/Password mismatch/g),
    async processTitles() {
      const { stdout } = await promisify(execFile)('ps', ['-o', 'args=', '-s', String(server!.pid)]);
      return stdout;
    },
    async start() {
      server = spawn(DOVECOT, ['-F', '-c', at('dovecot.conf')], { stdio: 'ignore', detached: true });
      for (let tries = 0; !(await greets(port)); tries++) {
        if (server.exitCode !== null || tries > START_TRIES)
          throw new Error(`Dovecot did not start:\n${await readFile(at('log'), 'utf8').catch(() => '')}`);
        await new Promise((resolve) => setTimeout(resolve, START_WAIT_MS));
      }
    },
    async stop() {
      await end('SIGTERM');
    },
    async restart() {
      await dovecot.stop();
      await dovecot.start();
    },
    async kill() {
      await end('SIGKILL');
    },
    async dispose() {
      await end('SIGTERM');
      await rm(root, { recursive: true, force: true });
    },
  };

  async function end(signal: NodeJS.Signals) {
    const child = server;
    server = undefined;
    if (!child?.pid || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    // A kill goes to the whole group: its workers must not outlive the master.
    process.kill(signal === 'SIGKILL' ? -child.pid : child.pid, signal);
    await ended;
  }

  await mkdir(at('mail'), { recursive: true });
  await mkdir(at('users'), { recursive: true });
  // Dovecot's own processes run as yet another user and must look inside.
  await chmod(root, 0o755);
  await own(at('mail'));
  await writeFile(at('dovecot.conf'), configuration(root, port, asRoot, introspectionUrl !== undefined));
  if (introspectionUrl) await writeFile(at('oauth2.conf'), oauthConfiguration(introspectionUrl));
  for (const [user, password] of Object.entries(users)) await dovecot.setPassword(user, password);
  await dovecot.start();
  return dovecot;
}

function configuration(root: string, port: number, asRoot: boolean, oauth: boolean): string {
  const me = asRoot ? 'dovecot' : userInfo().username;
  const login = asRoot ? 'dovenull' : me;
  return `
base_dir = ${root}/run
state_dir = ${root}/state
log_path = ${root}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login${oauth ? ' xoauth2 oauthbearer' : ''}
auth_verbose = yes
verbose_proctitle = yes
auth_failure_delay = 0
default_internal_user = ${me}
default_login_user = ${login}
${asRoot ? '' : `default_internal_group = ${me}`}
first_valid_uid = 1
mail_location = maildir:~
mailbox_idle_check_interval = 1 secs
mail_max_userip_connections = 100
protocol imap {
  imap_idle_notify_interval = 10 secs
}
${oauth ? `passdb {\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = ${root}/oauth2.conf\n}` : ''}
passdb {
  driver = passwd-file
  mechanisms = plain login
  args = username_format=%u ${root}/users/%u
}
userdb {
  driver = passwd-file
  args = username_format=%u ${root}/users/%u
}
namespace inbox {
  inbox = yes
  separator = /
}
service imap-login {
  ${asRoot ? '' : 'chroot =\n  '}inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  ${asRoot ? '' : 'chroot =\n  '}unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  ${asRoot ? '' : 'chroot ='}
}
`;
}

const oauthConfiguration = (url: string) => `
introspection_mode = post
introspection_url = ${url}
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
`;

/** Whether an IMAP server greets there. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (bytes) => end(bytes.toString().startsWith('* OK')));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
