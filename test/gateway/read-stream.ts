import { until } from '../support/until.ts';
import type { Json } from './open-gateway.ts';

export interface SeenEvent {
  id: string;
  event: string;
  data: Json;
}

/** Reads a stream of server-sent events as a browser would. */
export async function readStream(url: string, token: string, lastEventId?: string) {
  const abort = new AbortController();
  const answer = await fetch(url, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    signal: abort.signal,
  });
  const events: SeenEvent[] = [];
  let lastId = '';
  let ended = false;
  let text = '';
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const fields = new Map(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => line.split(/: (.*)/s) as [string, string]),
        );
        text = text.slice(end + 2);
        lastId = fields.get('id') ?? lastId;
        if (fields.has('data'))
          events.push({ id: lastId, event: fields.get('event')!, data: JSON.parse(fields.get('data')!) });
      }
    }
  })()
    .catch(() => {})
    .finally(() => {
      ended = true;
    });
  return {
    status: answer.status,
    headers: answer.headers,
    events,
    lastId: () => lastId,
    find: (fits: (event: SeenEvent) => boolean, what: string) => until(() => events.find(fits), what),
    ended: () => until(() => ended, 'the stream ends'),
    async close() {
      abort.abort();
      await reading;
    },
  };
}
