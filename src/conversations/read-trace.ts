import type mongoose from 'mongoose';
import type { Store } from '../store/connect.ts';
import { MESSAGES, type MessageDoc, type TraceStep } from './model.ts';

/** The life-line of one message, in the order of time; undefined when there is no such message. */
export async function readTrace(store: Store, id: mongoose.Types.ObjectId): Promise<TraceStep[] | undefined> {
  const message = await store
    .collection<MessageDoc>(MESSAGES)
    .findOne({ _id: id }, { projection: { trace: 1 } });
  return message?.trace.toSorted((a, b) => a.at.getTime() - b.at.getTime());
}
