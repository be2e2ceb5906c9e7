import { randomBytes } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';
import { createAuthenticator } from '../agents/index.ts';
import { API_PREFIX, agentApi } from './api.ts';
import { closeKindly } from './close-kindly.ts';
import { type GatewayDeps, REQUEST_LIMITS } from './deps.ts';
import { docs } from './docs.ts';
import { answerErrors, answerUnreadable } from './errors.ts';
import { health } from './health.ts';
import { metrics } from './metrics.ts';
import { agentRoutes } from './routes/agents.ts';
import { auditRoutes } from './routes/audit.ts';
import { contactRoutes } from './routes/contacts.ts';
import { eventRoutes } from './routes/events.ts';
import { inboxRoutes } from './routes/inboxes.ts';
import { meRoutes } from './routes/me.ts';
import { messageRoutes } from './routes/messages.ts';
import { rawRoutes } from './routes/raw.ts';
import { replyRoutes } from './routes/replies.ts';
import { ticketRoutes } from './routes/tickets.ts';
import { securityHeaders } from './security-headers.ts';
import { webhooks } from './webhooks.ts';

/** A whole request must have come in by then; a slow sender holds no more than his connection. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Above that of usual proxies (60 s), so that they close first and no request meets a closed connection. */
const KEEP_ALIVE_MS = 72_000;
/** A request id that a proxy has set is kept, if it is one. */
const REQUEST_ID = /^[\w.:-]{1,64}$/;

export type { GatewayDeps } from './deps.ts';

/**
 * The server, ready to listen or to be injected into. Closing it ends event streams, lets requests that run finish,
 * and takes no new connection.
 */
export async function buildGateway(deps: GatewayDeps): Promise<FastifyInstance> {
  const run = randomBytes(6).toString('base64url');
  let requests = 0;
  const app = Fastify({
    logger: false,
    bodyLimit: (deps.requestLimits ?? REQUEST_LIMITS).body,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    genReqId(raw) {
      const given = raw.headers['x-request-id'];
      if (typeof given === 'string' && REQUEST_ID.test(given)) return given;
      requests += 1;
      return `${run}-${requests}`;
    },
    clientErrorHandler: answerUnreadable,
    frameworkErrors: (error, request, reply) => void app.errorHandler(error, request, reply),
  });
  app.setValidatorCompiler(validatorCompiler);
  // Views are typed and tested against their schemas; checking each answer again would cost what the answer costs.
  app.setSerializerCompiler(() => JSON.stringify);
  acceptEmptyJson(app);
  answerErrors(app, deps);
  securityHeaders(app);
  closeKindly(app);

  await docs(app, deps.version, deps.publicUrl);
  await app.register((scope) => health(scope, deps));
  await app.register((scope) => metrics(scope, deps));
  await app.register((scope) => webhooks(scope, deps));
  const authenticator = createAuthenticator(deps.store, deps.now);
  await app.register(
    agentApi({ ...deps, authenticator }, [
      ticketRoutes,
      replyRoutes,
      messageRoutes,
      contactRoutes,
      inboxRoutes,
      rawRoutes,
      agentRoutes,
      auditRoutes,
      meRoutes,
      eventRoutes,
    ]),
    { prefix: API_PREFIX },
  );
  await app.ready();
  return app;
}

/** A POST without a body that says "JSON" says nothing: many clients send one. */
function acceptEmptyJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, body, done);
  });
}
