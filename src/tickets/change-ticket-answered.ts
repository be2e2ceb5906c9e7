import type mongoose from 'mongoose';
import { FAST, type Store } from '../store/connect.ts';
import { TICKETS, type TicketDoc } from './model.ts';

/** After a reply it is the customer's turn: an open ticket becomes pending. Any other keeps its status. */
export async function markAnswered(store: Store, id: mongoose.Types.ObjectId, at: Date): Promise<void> {
  await store.collection<TicketDoc>(TICKETS).updateOne(
    { _id: id },
    [
      {
        $set: {
          status: { $cond: [{ $eq: ['$status', 'open'] }, 'pending', '$status'] },
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
