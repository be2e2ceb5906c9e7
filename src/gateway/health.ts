import type { FastifyInstance } from 'fastify';
import type { GatewayDeps } from './deps.ts';

/** A probe waits no longer for a part that hangs. */
const PROBE_MS = 2_000;

export interface Readiness {
  status: 'ok' | 'degraded' | 'unavailable';
  /** Why nothing can be taken in. */
  problems: string[];
  /** What works worse, or for some only. */
  warnings: string[];
  version: string;
}

/**
 * /healthz: this process answers. /readyz: messages can be taken in. That takes MongoDB alone: with Redis away they
 * are recorded and wait, and one inbox that fails is no reason to take the others off the net.
 */
export async function health(app: FastifyInstance, deps: GatewayDeps): Promise<void> {
  app.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'ok', version: deps.version }));

  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const readiness = await judge(deps);
    return reply
      .code(readiness.status === 'unavailable' ? 503 : 200)
      .header('cache-control', 'no-store')
      .send(readiness);
  });
}

export async function judge({ store, queues, inboxes, version, pending }: GatewayDeps): Promise<Readiness> {
  const problems = [...(pending?.() ?? [])];
  const warnings: string[] = [];
  const [mongo, redis] = await Promise.allSettled([within(store.ping()), within(queues.ping())]);
  if (mongo.status === 'rejected')
    problems.push('MongoDB does not answer: webhooks are answered 503, mailboxes wait. Is it running?');
  if (redis.status === 'rejected')
    warnings.push('Redis does not answer: messages are recorded and processed once it is back.');
  if (mongo.status === 'fulfilled') warnings.push(...(await troubles(inboxes)));
  const status = problems.length > 0 ? 'unavailable' : warnings.length > 0 ? 'degraded' : 'ok';
  return { status, problems, warnings, version };
}

async function troubles(inboxes: GatewayDeps['inboxes']): Promise<string[]> {
  try {
    const all = await within(inboxes.list());
    return all
      .filter(({ paused, health: { state } }) => !paused && (state === 'failing' || state === 'silent'))
      .map(({ id, health: { state, code, message } }) => {
        const why = message ?? code ?? 'it gives no reason';
        return `Inbox "${id}" is ${state}: ${why}`;
      });
  } catch {
    return ['The health of the inboxes cannot be read.'];
  }
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), PROBE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
