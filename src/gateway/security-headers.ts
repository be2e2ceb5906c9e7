import type { FastifyInstance } from 'fastify';
import { DOCS_PATH } from './docs.ts';

/** Answers are data: a browser shows none of them as a page, frames none, and sends no referrer. No CORS at all. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};
const NO_PAGE = "default-src 'none'; frame-ancestors 'none'";

export function securityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS).header('x-request-id', request.id);
    // The page of the API's documentation brings a policy of its own.
    if (!request.url.startsWith(DOCS_PATH)) reply.header('content-security-policy', NO_PAGE);
  });
}
