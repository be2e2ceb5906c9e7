import mongoose from 'mongoose';
import type { ChannelKind } from '../contract/index.ts';
import type { MessageDoc } from './model.ts';

export interface ActivityOf {
  ticket: mongoose.Types.ObjectId;
  inbox: string;
  channel: ChannelKind;
  conversation?: mongoose.Types.ObjectId;
}

/**
 * What the system did, as a line in the ticket. `once` names the effect (`record:event:effect`): told twice, it is
 * stored once.
 */
export function newActivity(
  of: ActivityOf,
  activity: string,
  text: string,
  at: Date,
  once?: string,
): MessageDoc {
  return {
    _id: new mongoose.Types.ObjectId(),
    type: 'activity',
    direction: 'out',
    inbox: of.inbox,
    channel: of.channel,
    ticket: of.ticket,
    ...(of.conversation ? { conversation: of.conversation } : {}),
    ...(once ? { dedupeKey: `activity ${once}` } : {}),
    activity,
    text,
    attachments: [],
    trace: [],
    createdAt: at,
  };
}
