import type { ChannelDeps, InboxId, OutboundMessage } from '../../src/contract/index.ts';
import { createGuardedFetch } from '../../src/lib/guarded-fetch.ts';

export const HOOK_URL = 'https://desk.example.com/hooks/line-1';

/** What a channel is given, with nothing durable behind it. `used` names every dependency that was called. */
export function channelDeps(overrides: Partial<ChannelDeps> = {}) {
  const used: string[] = [];
  const note =
    <A extends unknown[], R>(name: string, act: (...args: A) => R) =>
    (...args: A): R => {
      used.push(name);
      return act(...args);
    };
  const cursors = new Map<string, unknown>();
  const quiet = note('log', () => {});
  const health: { ok: string[]; failing: [string, string][] } = { ok: [], failing: [] };
  const deps: ChannelDeps = {
    inbox: 'line-1' as InboxId,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    now: note('now', () => new Date()),
    fetch: note('fetch', createGuardedFetch()),
    cursor: {
      get: note(
        'cursor.get',
        async <T>(name: string) => cursors.get(name) as T | undefined,
      ) as ChannelDeps['cursor']['get'],
      set: note('cursor.set', async (name: string, value: unknown) => {
        cursors.set(name, value);
      }),
      list: note('cursor.list', async () => [...cursors.keys()]),
      remove: note('cursor.remove', async (name: string) => {
        cursors.delete(name);
      }),
    },
    health: {
      ok: note('health.ok', (detail?: string) => void health.ok.push(detail ?? '')),
      failing: note(
        'health.failing',
        (code: string, message: string) => void health.failing.push([code, message]),
      ),
    },
    hookUrl: HOOK_URL,
    host: '127.0.0.1',
    ...overrides,
  };
  return { deps, used, health, cursors };
}

export function outboundMessage(changes: Partial<OutboundMessage> = {}): OutboundMessage {
  return {
    id: '65f000000000000000000001' as OutboundMessage['id'],
    inbox: 'line-1' as InboxId,
    conversation: '65f000000000000000000002' as OutboundMessage['conversation'],
    to: [],
    cc: [],
    text: 'Thank you for writing. We are looking into it.',
    attachments: [],
    references: [],
    token: 'k3v9x0q2m7',
    replyToken: 'r8d2s5w1z4',
    automatic: false,
    piece: { index: 0, count: 1 },
    createdAt: new Date('2026-11-24T10:00:00Z'),
    ...changes,
  };
}
