import type mongoose from 'mongoose';
import { FAST, type Store } from '../store/connect.ts';
import { TICKETS, type TicketDoc } from './model.ts';

/**
 * After a reply of `at` it is the customer's turn: an open ticket becomes pending. Any other keeps its status, and so
 * does one on which something has come in since: that is not answered yet.
 */
export async function markAnswered(store: Store, id: mongoose.Types.ObjectId, at: Date): Promise<void> {
  await store.collection<TicketDoc>(TICKETS).updateOne(
    { _id: id },
    [
      {
        $set: {
          status: {
            $cond: [
              { $and: [{ $eq: ['$status', 'open'] }, { $lte: ['$updatedAt', at] }] },
              'pending',
              '$status',
            ],
          },
          updatedAt: { $max: ['$updatedAt', at] },
        },
      },
    ],
    FAST,
  );
}

/** Something was written on it that changes nothing else (a note). */
export async function touchTicket(store: Store, id: mongoose.Types.ObjectId, at: Date): Promise<void> {
  await store.collection<TicketDoc>(TICKETS).updateOne({ _id: id }, { $max: { updatedAt: at } }, FAST);
}
