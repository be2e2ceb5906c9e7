import type mongoose from 'mongoose';
import { DURABLE, FAST, type Store } from '../store/connect.ts';
import { isBulkRefusal } from '../store/translate-outage.ts';
import { TICKETS, type TicketDoc } from './model.ts';
import type { TicketStatus } from './status.ts';

const DUPLICATE_KEY = 11000;

/** What a message does to its ticket: makes it if nobody has, joins its conversation, opens it again where `wake`. */
export interface TicketTouch {
  /** As it will be if it is new. */
  fresh: TicketDoc;
  conversation: mongoose.Types.ObjectId;
  at: Date;
  wake: boolean;
  /**
   * new: its conversation was opened for it a moment ago, so it is inserted. Another worker that has found the
   * conversation in between collides with it, and then it does not stand. known: it was there a moment ago.
   * unsure: it may be there, or a worker has died before it made it.
   */
  presence: 'new' | 'known' | 'unsure';
  /** A machine wrote it: it may lie on a closed ticket, and a person's may not. */
  mayBeClosed: boolean;
}

const SLEEPING: TicketStatus[] = ['pending', 'resolved'];

/**
 * Brings tickets about under ids that conversations already point to: whoever comes second finds it. Known ones are
 * touched in one statement, the others made in one more. Answers for each whether it stands; false: the ticket was
 * closed meanwhile, so the message needs another one. FAST; the message's settlement covers it.
 */
export async function touchTickets(store: Store, touches: TicketTouch[]): Promise<boolean[]> {
  const known = touches.filter(({ presence }) => presence === 'known');
  const [closed, refused] = await Promise.all([
    touchKnown(store, known),
    makeMissing(
      store,
      touches.filter(({ presence }) => presence !== 'known'),
    ),
  ]);
  return touches.map((touch) => !closed.has(touch) && !refused.has(touch));
}

/** Answers those that were closed in between, by which a person's message must not be swallowed. */
async function touchKnown(store: Store, touches: TicketTouch[]): Promise<Set<TicketTouch>> {
  if (touches.length === 0) return new Set();
  const tickets = store.collection<TicketDoc>(TICKETS);
  const at = touches[0]!.at;
  const idsOf = (some: TicketTouch[]) => ({ $in: some.map(({ fresh }) => fresh._id) });
  const machines = touches.filter(({ mayBeClosed }) => mayBeClosed);
  const persons = touches.filter(({ mayBeClosed }) => !mayBeClosed);
  const waking = touches.filter(({ wake }) => wake);
  const [awake] = await Promise.all([
    persons.length > 0 &&
      tickets.updateMany(
        { _id: idsOf(persons), status: { $ne: 'closed' } },
        { $max: { updatedAt: at } },
        FAST,
      ),
    machines.length > 0 && tickets.updateMany({ _id: idsOf(machines) }, { $max: { updatedAt: at } }, FAST),
    waking.length > 0 &&
      tickets.updateMany(
        { _id: idsOf(waking), status: { $in: SLEEPING } },
        { $set: { status: 'open' }, $unset: { resolvedAt: '' } },
        FAST,
      ),
  ]);
  const different = new Set(persons.map(({ fresh }) => fresh._id.toHexString()));
  if (!awake || awake.matchedCount === different.size) return new Set();
  const found = await findTickets(
    store,
    persons.map(({ fresh }) => fresh._id),
  );
  return new Set(persons.filter(({ fresh }) => found.get(fresh._id.toHexString())?.status === 'closed'));
}

/** Answers those that met a ticket where they wanted none, or a closed one. */
async function makeMissing(store: Store, touches: TicketTouch[]): Promise<Set<TicketTouch>> {
  if (touches.length === 0) return new Set();
  try {
    await store.collection<TicketDoc>(TICKETS).bulkWrite(touches.map(makingOf), { ordered: false, ...FAST });
    return new Set();
  } catch (error) {
    if (!isBulkRefusal(error)) throw error;
    const failures = [error.writeErrors].flat();
    if (failures.some((failure) => failure.code !== DUPLICATE_KEY)) throw error;
    return new Set(failures.map((failure) => touches[failure.index]!));
  }
}

function makingOf({ fresh, conversation, at, presence, mayBeClosed }: TicketTouch) {
  if (presence === 'new') return { insertOne: { document: { ...fresh, conversations: [conversation] } } };
  const { _id, updatedAt: _updatedAt, conversations: _conversations, ...rest } = fresh;
  return {
    updateOne: {
      // A closed ticket does not match, so the upsert collides with it: that is how a race with "close" shows.
      filter: mayBeClosed ? { _id } : { _id, status: { $ne: 'closed' as const } },
      update: {
        $setOnInsert: rest,
        $max: { updatedAt: at },
        $addToSet: { conversations: conversation },
      },
      upsert: true,
    },
  };
}

/** What decides whether a message joins, reopens or follows. */
export async function findTickets(
  store: Store,
  ids: mongoose.Types.ObjectId[],
): Promise<Map<string, Pick<TicketDoc, '_id' | 'status' | 'resolvedAt'>>> {
  if (ids.length === 0) return new Map();
  const docs = await store
    .collection<TicketDoc>(TICKETS)
    .find({ _id: { $in: ids } }, { projection: { status: 1, resolvedAt: 1 } })
    .toArray();
  return new Map(docs.map((doc) => [doc._id.toHexString(), doc]));
}

/** Wakes a ticket because of something that is not a message (a reply failed). Answers whether it slept. */
export async function reopenTicket(store: Store, id: mongoose.Types.ObjectId, at: Date): Promise<boolean> {
  const result = await store
    .collection<TicketDoc>(TICKETS)
    .updateOne(
      { _id: id, status: { $in: SLEEPING } },
      { $set: { status: 'open' }, $max: { updatedAt: at }, $unset: { resolvedAt: '' } },
      DURABLE,
    );
  return result.modifiedCount === 1;
}
