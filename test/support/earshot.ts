import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadChannels } from '../../channels/index.ts';
import { readEnv } from '../../config/env.ts';
import { type Role as AgentRole, issueToken, addAgent as storeAgent } from '../../src/agents/index.ts';
import { isListening } from '../../src/embedded/ports.ts';
import { createInboxes } from '../../src/inboxes/index.ts';
import { createLog } from '../../src/lib/log.ts';
import type { Role } from '../../src/main.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { createSealer } from '../../src/store/seal.ts';
import { freePort } from './free-port.ts';
import { type CliResult, runCli, spawnCli } from './run-cli.ts';

const READY_WITHIN_MS = 60_000;
const POLL_MS = 25;
const SECRET = 'a-secret-for-tests-of-at-least-32-characters';

export interface EarshotOptions {
  mongodbUri: string;
  redisUrl: string;
  /** On top of what is set here: PUBLIC_URL where two processes stand behind one address, LOG_LEVEL … */
  env?: Record<string, string>;
  roles?: Role[];
  /** Default: a free one. A restarted process wants that of its predecessor. */
  port?: number;
}

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON, else the text. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came back
  body: any;
}

export interface HookRequest {
  method?: string;
  /** With its "?". */
  query?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export interface EarshotProcess {
  url: string;
  port: number;
  pid: number;
  /** A bearer token of an admin. */
  token: string;
  /** What the process was given; `runCli(args, { env })` acts on the same stores. */
  env: Record<string, string>;
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A request as a provider makes it: signed by whoever calls this. */
  hook(inbox: string, request: HookRequest): Promise<Answer>;
  /**
   * Straight into the database, as `earshot inbox add` does; resolves once this process has opened it (which its log
   * says, at LOG_LEVEL info), and takes mail where it has a fixed port for it.
   */
  addInbox(kind: string, id: string, config: Record<string, unknown>): Promise<void>;
  addAgent(agent: {
    name?: string;
    email?: string;
    role?: AgentRole;
  }): Promise<{ id: string; token: string }>;
  cli(args: string[], stdin?: string | Buffer): Promise<CliResult>;
  /** Everything it has written so far. */
  logs(): string;
  /** Resolves with the exit code once it has ended; null after SIGKILL. A second call waits for the first. */
  kill(signal?: 'SIGTERM' | 'SIGKILL' | 'SIGINT'): Promise<number | null>;
  /** Ends it and removes its data folder; harmless twice. */
  close(): Promise<void>;
}

/** A real `earshot start`, as a process of its own, on these stores. Several may share them. */
export async function startEarshot(options: EarshotOptions): Promise<EarshotProcess> {
  const port = options.port ?? (await freePort());
  const dataDir = await mkdtemp(join(tmpdir(), 'earshot-process-'));
  const env: Record<string, string> = {
    MONGODB_URI: options.mongodbUri,
    REDIS_URL: options.redisUrl,
    EARSHOT_SECRET: SECRET,
    EARSHOT_DATA: dataDir,
    PORT: String(port),
    ...options.env,
  };
  const child = spawnCli(['start', ...(options.roles ? ['--role', options.roles.join(',')] : [])], env);
  const killWithUs = () => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  let over = false;
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      over = true;
      process.removeListener('exit', killWithUs);
      resolve(code);
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const isReady = async () =>
    options.roles && !options.roles.includes('gateway')
      ? output.includes('Earshot runs')
      : (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200;
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await isReady())) {
    if (!over && Date.now() < deadline) {
      await delay(POLL_MS);
      continue;
    }
    child.kill('SIGKILL');
    throw new Error(`Earshot did not start:\n${output}`);
  }

  const withStore = async <T>(work: (store: Store) => Promise<T>): Promise<T> => {
    const store = await openStore(options.mongodbUri, { log: createLog('silent') });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  };
  const addAgent: EarshotProcess['addAgent'] = ({ name = 'Test', email, role = 'agent' }) =>
    withStore(async (store) => {
      const unique = email ?? `${randomBytes(6).toString('hex')}@agents.example`;
      const agent = await storeAgent(store, { name, email: unique, role }, new Date());
      return { id: agent._id.toHexString(), token: await issueToken(store, agent._id, new Date()) };
    });
  const { token } = await addAgent({ name: 'Admin', role: 'admin' });

  const call = async (path: string, init: RequestInit): Promise<Answer> => {
    const answer = await fetch(`${url}${path}`, init);
    const text = await answer.text();
    const isJson = /\bjson\b/.test(answer.headers.get('content-type') ?? '');
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
  };
  const kill: EarshotProcess['kill'] = (signal = 'SIGTERM') => {
    if (!over) child.kill(signal);
    return ended;
  };

  return {
    url,
    port,
    pid: child.pid!,
    token,
    env,
    api: (method, path, body, headers = {}) =>
      call(path.startsWith('/') ? path : `/api/v1/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    hook: (inbox, { method = 'POST', query = '', headers = {}, body }) =>
      call(`/hooks/${inbox}${query}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
      }),
    async addInbox(kind, id, config) {
      await withStore(async (store) => {
        const { provider } = readEnv(env);
        const inboxes = createInboxes(
          store,
          createSealer([env.EARSHOT_SECRET!]),
          await loadChannels(),
          provider,
        );
        await inboxes.add(id, kind, config);
      });
      while (!over && !output.includes(`"inbox":"${id}"`)) await delay(POLL_MS);
      const { port } = (config.listen ?? {}) as { port?: number };
      const listens = port && (options.roles ?? ['pollers']).includes('pollers');
      while (!over && listens && !(await isListening(port))) await delay(POLL_MS);
    },
    addAgent,
    cli: (args, stdin) => runCli(args, { env, ...(stdin === undefined ? {} : { stdin }) }),
    logs: () => output,
    kill,
    async close() {
      await kill('SIGTERM');
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
