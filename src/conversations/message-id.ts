import { createHash } from 'node:crypto';
import mongoose from 'mongoose';

/**
 * The id of the message that an event of a delivery becomes: the same however often it is worked on. Time of the raw
 * record, then bits of its whole id and the event's place: unique, and sorted by arrival.
 */
export function messageId(raw: mongoose.Types.ObjectId, event: number): mongoose.Types.ObjectId {
  const hash = createHash('sha256').update(raw.id).update(String(event)).digest();
  return new mongoose.Types.ObjectId(
    Buffer.concat([Buffer.from(raw.id).subarray(0, 4), hash.subarray(0, 8)]),
  );
}
