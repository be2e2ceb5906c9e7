import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { GatewayDeps } from './deps.ts';
import { PROBLEM_TYPE, Problem, problemBody, sendProblem } from './problem.ts';
import { translateError } from './translate-error.ts';

/** One handler for every error of every scope, framework errors too. What we did not foresee is logged with its id. */
export function answerErrors(app: FastifyInstance, { log }: GatewayDeps): void {
  const routes: { method: string; pattern: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = new RegExp(
      `^${url
        .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replace(/:\w+/g, '[^/]+')
        .replace('*', '.*')}$`,
    );
    for (const one of [method].flat()) routes.push({ method: one, pattern });
  });

  app.setErrorHandler((error, request, reply) => {
    const problem = translateError(error);
    if (!problem)
      log.error({ err: error, request: request.id, route: request.routeOptions.url }, 'a request failed');
    // Fastify wants to cut the connection; then the sender of a big body would be reset before he reads why.
    if (problem?.status === 413 && reply.getHeader('connection') === 'close')
      reply.removeHeader('connection');
    return sendProblem(
      request,
      reply,
      problem ??
        new Problem(
          500,
          'internal_error',
          'Something went wrong here; the log has it under this request id.',
        ),
    );
  });

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allowed.length === 0)
      return sendProblem(request, reply, new Problem(404, 'not_found', 'There is nothing at this address.'));
    const allow = [...new Set(allowed)].sort().join(', ');
    const message = `${request.method} is not possible here; ${allow} is.`;
    return sendProblem(
      request,
      reply,
      new Problem(405, 'method_not_allowed', message, { headers: { allow } }),
    );
  });
}

const UNREADABLE: Record<string, { status: number; code: string; detail: string }> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'headers_too_large', detail: 'The headers are too large.' },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'request_timed_out',
    detail: 'The request did not come in within a minute.',
  },
};

/** What is no HTTP never becomes a request: it is answered on the bare socket. */
export function answerUnreadable(error: { code?: string }, socket: Socket): void {
  if (socket.destroyed || error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, code, detail } = UNREADABLE[error.code ?? ''] ?? {
    status: 400,
    code: 'bad_request',
    detail: 'This is no valid HTTP request.',
  };
  const body = JSON.stringify(problemBody(status, code, detail));
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
