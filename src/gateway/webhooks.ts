import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { HttpEnvelope, HttpReply, Webhook } from '../contract/index.ts';
import { InboxError, type OpenInbox } from '../inboxes/index.ts';
import { withinDeadline } from '../store/connect.ts';
import type { GatewayDeps } from './deps.ts';
import { Problem } from './problem.ts';
import { RETRY_AFTER_S, translateError } from './translate-error.ts';

/** A provider is told 503 within 2 s of MongoDB being away, whatever MongoDB does; body and answer need the rest. */
const STORE_DEADLINE_MS = 1_700;
/** No use to `normalise`: credentials of proxies and of the provider's check, which `verify` has made already. */
const NOT_STORED = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-twilio-signature']);
/** Inboxes that do not exist share one label, so that made-up ids fill no metric. */
const NO_INBOX = '-';
const EMPTY = Buffer.alloc(0);

interface Hook {
  inbox: OpenInbox;
  webhook: Webhook;
}

declare module 'fastify' {
  interface FastifyRequest {
    hook?: Hook;
  }
}

/**
 * The way in for providers. A scope of its own, in which no parser touches a body: the signature is over the bytes.
 * Verified, recorded, answered: the answer waits for MongoDB and for nothing else. What is refused is counted and
 * leaves nothing behind. A paused inbox still records: most providers do not deliver again.
 */
export async function webhooks(app: FastifyInstance, deps: GatewayDeps): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request, payload, done) => {
    const { hook } = request;
    readBody(request, payload, hook?.webhook.maxBodyBytes ?? 0).then((body) => done(null, body), done);
  });
  app.decorateRequest('hook', undefined);
  app.addHook('onRequest', async (request, reply) => {
    request.hook = await findHook(deps, (request.params as { inbox: string }).inbox);
    const answer = request.hook.webhook.handshake?.(envelopeOf(request));
    if (answer) return send(reply, answer);
  });
  app.addHook('onError', async (request, _reply, error) => {
    const inbox = request.hook?.inbox.id ?? NO_INBOX;
    deps.metrics.refused(inbox, translateError(error)?.code ?? 'internal_error');
  });
  app.all('/hooks/:inbox', { schema: { hide: true } }, async (request, reply) => {
    const { inbox, webhook } = request.hook!;
    const envelope = envelopeOf(request);
    const body = (request.body as Buffer | undefined) ?? EMPTY;
    const verdict = webhook.verify(envelope, body);
    if (!verdict.ok) throw new Problem(verdict.status, verdict.code, verdict.reason);
    await withinDeadline(
      deps.record(inbox.id)({
        envelope: { ...envelope, headers: keptHeaders(envelope.headers) },
        body,
        key: { signedPart: verdict.signedPart },
      }),
      STORE_DEADLINE_MS,
    );
    inbox.health.received();
    const answer = webhook.respond?.(envelope, body);
    return answer ? send(reply, answer) : reply.code(204).send();
  });
}

async function findHook(deps: GatewayDeps, id: string): Promise<Hook> {
  const inbox = await withinDeadline(deps.registry.get(id), STORE_DEADLINE_MS).catch((error) => {
    // The operator has to mend it; until then the provider is asked to come again.
    if (!(error instanceof InboxError)) throw error;
    throw new Problem(503, 'inbox_broken', `Inbox "${id}" cannot be opened; its config must be corrected.`, {
      headers: { 'retry-after': String(RETRY_AFTER_S) },
    });
  });
  if (!inbox) throw new Problem(404, 'inbox_unknown', 'There is no such inbox.');
  const { webhook } = inbox.channel;
  if (!webhook) throw new Problem(404, 'inbox_without_webhook', 'This inbox takes no webhooks.');
  return { inbox, webhook };
}

function envelopeOf(request: FastifyRequest): HttpEnvelope {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  return { via: 'http', method: request.method, path: request.url, headers };
}

function keptHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_STORED.has(name)));
}

function send(reply: FastifyReply, { status, headers, body }: HttpReply): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}

/** The bytes as they came. Refuses by Content-Length before anything is read, and at the first byte too many. */
function readBody(request: FastifyRequest, stream: FastifyRequest['raw'], max: number): Promise<Buffer> {
  const tooLarge = () => new Problem(413, 'body_too_large', `A body here has at most ${max} bytes.`);
  const announced = Number(request.headers['content-length']);
  if (announced > max) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= max) chunks.push(chunk);
      else {
        // The rest is read and thrown away, so that the sender gets to read the answer.
        stream.removeAllListeners('data');
        stream.resume();
        reject(tooLarge());
      }
    });
    stream.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)));
    stream.on('error', () => reject(new Problem(400, 'incomplete_body', 'The request broke off.')));
  });
}
