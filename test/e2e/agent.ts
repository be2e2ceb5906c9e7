/** An agent's eyes and hands: the HTTP API of a running Earshot, and nothing behind it. */
import type { Answer, EarshotProcess } from '../support/earshot.ts';
import { until } from '../support/until.ts';

export type Json = Answer['body'];
const PAGE = 200;

export type Agent = ReturnType<typeof agentOf>;

export function agentOf(earshot: Pick<EarshotProcess, 'api'>) {
  async function get(path: string): Promise<Json> {
    const { status, body } = await earshot.api('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** Every page of a list, in its order. */
  async function all(path: string): Promise<Json[]> {
    const items: Json[] = [];
    const mark = path.includes('?') ? '&' : '?';
    let cursor: string | null = null;
    do {
      const page: Json = await get(
        `${path}${mark}limit=${PAGE}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return items;
  }

  const agent = {
    get,
    tickets: (query = '') => all(`tickets${query}`),
    ticket: (id: string): Promise<Json> => get(`tickets/${id}`),
    /** Oldest first. */
    messages: (ticket: string) => all(`tickets/${ticket}/messages`),
    activities: async (ticket: string): Promise<string[]> =>
      (await agent.messages(ticket)).flatMap(({ activity }) => activity ?? []),
    message: (id: string): Promise<Json> => get(`messages/${id}`),
    steps: async (id: string): Promise<{ step: string; at: string; detail?: string }[]> =>
      (await get(`messages/${id}/trace`)).steps,
    raw: (query = '') => all(`raw${query}`),
    inbox: async (id: string): Promise<Json> =>
      (await get('inboxes')).items.find((inbox: Json) => inbox.id === id),
    reply: (ticket: string, body: Json, key?: string) =>
      earshot.api(
        'POST',
        `tickets/${ticket}/replies`,
        body,
        key === undefined ? {} : { 'idempotency-key': key },
      ),
    /** Answers the reply, which has been taken into the outbox. */
    async send(ticket: string, body: Json): Promise<Json> {
      const answer = await agent.reply(ticket, body);
      if (answer.status !== 202) throw new Error(`refused: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    becomes: (id: string, status: string): Promise<Json> =>
      until(async () => {
        const message = await agent.message(id);
        return message.status === status && message;
      }, `message ${id} becomes ${status}`),
    /** Waits until tickets show one with this subject (on channels without subjects: the first line). */
    ticketAbout: (subject: string): Promise<Json> =>
      until(
        async () =>
          (await agent.tickets(`?q=${encodeURIComponent(subject)}`)).find((it) => it.subject === subject),
        `a ticket "${subject}"`,
      ),
    /** Waits until the ticket holds a customer's message that says this. */
    heard: (ticket: string, text: string): Promise<Json> =>
      until(
        async () =>
          (await agent.messages(ticket)).find(
            (it) => it.type === 'message' && it.direction === 'in' && it.text.trim() === text,
          ),
        `"${text}" is on the ticket`,
      ),
    /** Waits until no delivery is being worked on. */
    settled: (): Promise<Json> =>
      until(
        async () => (await agent.raw('?state=received,processing')).length === 0,
        'every delivery is at rest',
      ),
  };
  return agent;
}
