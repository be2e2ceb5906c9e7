import type { FastifyInstance } from 'fastify';

/** How often it is looked, while closing, whether the last answer has gone out. */
const LOOK_MS = 50;

/**
 * While closing, requests on open connections are still served, and told to open a new one (elsewhere). Once nothing
 * is being answered every connection is cut: one whose last answer left an instant before the end, or that never
 * asked anything (browsers open some in advance), would otherwise hold up the end for a minute.
 */
export function closeKindly(app: FastifyInstance): void {
  let closing = false;
  let answering = 0;
  let looking: NodeJS.Timeout | undefined;
  app.server.on('request', (_request, response) => {
    answering += 1;
    response.once('close', () => {
      answering -= 1;
    });
  });
  app.addHook('preClose', async () => {
    closing = true;
    looking = setInterval(() => {
      if (answering === 0) app.server.closeAllConnections();
    }, LOOK_MS);
  });
  app.addHook('onClose', async () => clearInterval(looking));
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
}
