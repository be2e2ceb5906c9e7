import { z } from 'zod';

/** What can be woken. The work itself lies in MongoDB; a job only says "look at this document now". */
export const QUEUE_NAMES = ['inbound', 'outbound', 'media'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

export const JOB_VERSION = 1;

export const wakeUpSchema = z.object({
  v: z.literal(JOB_VERSION),
  /** Hexadecimal id of the document, which is also the id of the job: a second wake-up of a waiting one is none. */
  id: z.string().regex(/^[a-f0-9]{24}$/),
});
export type WakeUp = z.infer<typeof wakeUpSchema>;

/** A wake-up is tried once, leaves nothing behind, and is made anew by the sweeper if it is lost. */
export const JOB_OPTIONS = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;
