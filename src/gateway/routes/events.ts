import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { type Api, type ApiDeps, whoAsks } from '../api.ts';
import { createFeed, type Listener, WatchFailed } from '../events/feed.ts';
import { Problem } from '../problem.ts';
import { RETRY_AFTER_S } from '../translate-error.ts';

const HEARTBEAT_MS = 15_000;
/** What a reader leaves lying beyond this cuts him off: he comes back and resumes. In bytes. */
const UNREAD_MAX = 1024 * 1024;
const RETRY_MS = 2_000;

const ABOUT = `Events \`ticket.created\`, \`ticket.updated\`, \`message.created\`, \`message.updated\`, each with the
ticket or message as its \`data\`. Each change is told at least once; of several quick changes of one document the last
may stand for all. Send \`Last-Event-ID\` to go on where you were; \`reset\` says that too much was missed: read anew.`;

export function eventRoutes(api: Api, deps: ApiDeps): void {
  const feed = createFeed(deps.store, deps.log);
  api.addHook('preClose', () => feed.close());

  api.get(
    '/events',
    {
      config: { permission: 'tickets.read' },
      schema: {
        tags: ['events'],
        summary: 'Server-sent events of what changes',
        description: ABOUT,
        headers: z.looseObject({ 'last-event-id': z.string().max(1000).optional() }),
        produces: ['text/event-stream'],
      },
    },
    async (request, reply) => {
      const early: string[] = [];
      let stream: ServerResponse | undefined;
      let ended = false;
      // What happens while the stream is being opened waits, and is told behind what was missed before.
      const write = (text: string) => {
        if (!stream) early.push(text);
        else if (stream.writableLength + text.length > UNREAD_MAX) stream.destroy();
        else stream.write(text);
      };
      const listener: Listener = {
        event: ({ id, event, data }) =>
          write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
        reset: () => write('event: reset\ndata: {}\n\n'),
        end() {
          ended = true;
          stream?.end();
        },
      };
      const stop = await feed.listen(listener, request.headers['last-event-id']).catch((error) => {
        throw error instanceof WatchFailed ? unavailable(error) : error;
      });
      reply.hijack();
      stream = reply.raw;
      stream.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      stream.write(`retry: ${RETRY_MS}\n\n`);
      for (const text of early.splice(0)) write(text);
      // Whoever breaks off before the first event can still resume from here: all before it has been told.
      const position = feed.position();
      stream.write(`${position ? `id: ${position}\n` : ''}: listening\n\n`);

      const heartbeat = setInterval(async () => {
        // Whoever was revoked meanwhile hears nothing more. With MongoDB away nobody can be asked, and nothing comes.
        const revoked = await whoAsks(deps.authenticator, request).then(
          () => false,
          (error) => error instanceof Problem,
        );
        if (revoked) stream.end();
        else write(': heartbeat\n\n');
      }, HEARTBEAT_MS);
      stream.on('close', () => {
        clearInterval(heartbeat);
        stop();
      });
      if (ended || stream.destroyed) stream.end();
    },
  );
}

function unavailable({ why }: WatchFailed): Problem {
  if (why === 'impossible')
    return new Problem(
      503,
      'events_unsupported',
      'MongoDB must be a replica set (of one member) to tell changes.',
    );
  return new Problem(503, 'store_unavailable', 'MongoDB cannot be reached; ask again.', {
    headers: { 'retry-after': String(RETRY_AFTER_S) },
  });
}
