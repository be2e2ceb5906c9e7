import { mongo } from 'mongoose';
import type { Store } from '../../store/connect.ts';
import { type Change, WATCHED } from './describe-changes.ts';

/** MongoDB: the token is too old or none of its; a lone mongod has no change streams. */
const UNRESUMABLE = new Set([50811, 260, 280, 286, 9, 2, 136]);
const NO_CHANGE_STREAMS = 40573;

export type WatchEnd = 'unresumable' | 'impossible' | 'away';

export interface Watch {
  /** Where it stands now; a later watch can go on from there. */
  token(): string | undefined;
  close(): Promise<void>;
}

/**
 * Follows writes of tickets and messages, after `token` where one is given. `onOpen` once it runs; then `onChange`
 * for each; `onEnd` once, when it cannot go on. It says which documents changed and leaves reading them to others.
 */
export function watchChanges(
  store: Store,
  token: string | undefined,
  on: { open(): void; change(change: Change): void; end(why: WatchEnd): void },
): Watch {
  const stream = store.db.watch(
    [
      { $match: { 'ns.coll': { $in: WATCHED }, operationType: { $in: ['insert', 'update', 'replace'] } } },
      { $project: { operationType: 1, ns: 1, documentKey: 1 } },
    ],
    token === undefined ? {} : { resumeAfter: { _data: token } },
  );
  let position = token;
  let ended = false;
  const end = (why: WatchEnd) => {
    if (ended) return;
    ended = true;
    stream.close().catch(() => {});
    on.end(why);
  };
  let opened = false;
  stream.on('resumeTokenChanged', (next) => {
    position = (next as { _data: string })._data;
    // The first token comes with the answer to the first question: from now on nothing is missed.
    if (!opened) {
      opened = true;
      on.open();
    }
  });
  stream.on('change', (change) => {
    if (ended || !('documentKey' in change) || !('ns' in change) || !('coll' in change.ns)) return;
    on.change({
      token: (change._id as { _data: string })._data,
      collection: change.ns.coll!,
      id: change.documentKey._id as Change['id'],
      created: change.operationType === 'insert',
    });
  });
  stream.on('error', (error) => end(reasonOf(error)));
  stream.on('close', () => end('away'));
  return {
    token: () => position,
    async close() {
      ended = true;
      await stream.close().catch(() => {});
    },
  };
}

function reasonOf(error: unknown): WatchEnd {
  if (!(error instanceof mongo.MongoServerError)) return 'away';
  const code = Number(error.code);
  if (code === NO_CHANGE_STREAMS) return 'impossible';
  return UNRESUMABLE.has(code) ? 'unresumable' : 'away';
}
