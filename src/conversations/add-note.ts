import mongoose from 'mongoose';
import { DURABLE, type Store } from '../store/connect.ts';
import { maskText } from '../triage/mask.ts';
import { type ActivityOf, newActivity } from './activity.ts';
import { MESSAGES, type MessageDoc } from './model.ts';

export interface Author {
  id: mongoose.Types.ObjectId;
  name: string;
}

/** Leaves a note that only agents see. Card numbers and the like are masked as in every stored text. */
export async function addNote(
  store: Store,
  of: ActivityOf,
  author: Author,
  text: string,
  now: Date,
): Promise<MessageDoc> {
  const note: MessageDoc = {
    _id: new mongoose.Types.ObjectId(),
    type: 'note',
    direction: 'out',
    inbox: of.inbox,
    channel: of.channel,
    ticket: of.ticket,
    text: maskText(text),
    attachments: [],
    author: author.id,
    authorName: author.name,
    trace: [],
    createdAt: now,
  };
  await store.collection<MessageDoc>(MESSAGES).insertOne(note, DURABLE);
  return note;
}

/** Says on the ticket what an agent did, in words; `activity` is the stable name of it. */
export async function addActivity(
  store: Store,
  of: ActivityOf,
  author: Author,
  activity: string,
  text: string,
  now: Date,
): Promise<MessageDoc> {
  const line: MessageDoc = {
    ...newActivity(of, activity, text, now),
    author: author.id,
    authorName: author.name,
  };
  await store.collection<MessageDoc>(MESSAGES).insertOne(line, DURABLE);
  return line;
}
