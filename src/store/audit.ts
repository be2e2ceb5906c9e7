/**
 * Who did what that must be answered for. Lines are only ever added, each holding the hash of the one before it:
 * to change, remove or insert one afterwards breaks the chain from there on.
 */
import { createHash } from 'node:crypto';
import { DURABLE, type Store } from './connect.ts';
import { isDuplicateKey, translateOutage } from './translate-outage.ts';

export const AUDIT = 'audit';
/** Of writers that add at the same moment all but one try again; each round lets at least one through. */
const ATTEMPTS = 200;
const VERIFY_BATCH = 500;

export interface AuditEntry {
  at: Date;
  /** An agent's id, or `system`. */
  actor: string;
  /** `raw.open`, `inbox.add`, … */
  action: string;
  /** What it was done to: `raw:ID`. */
  subject: string;
  /** Holds no secret and no customer text. */
  detail?: Record<string, string | number | boolean>;
}

export interface AuditLine extends AuditEntry {
  /** Counts from 1 without a gap: the unique index on it decides between two writers. */
  _id: number;
  previous: string;
  hash: string;
}

export interface Audit {
  /** Durable once it has resolved: whatever needs an audit line must wait for it. */
  add(entry: AuditEntry): Promise<AuditLine>;
  /** Newest first. */
  list(options?: { subject?: string; before?: number; limit?: number }): Promise<AuditLine[]>;
  /** The number of the first line that does not fit the one before it; undefined: all fit. */
  verify(): Promise<number | undefined>;
}

export const INDEXES = [{ collection: AUDIT, keys: { subject: 1, _id: -1 } as const }];

export function createAudit(store: Store): Audit {
  const lines = store.collection<AuditLine>(AUDIT);
  const add = async (entry: AuditEntry): Promise<AuditLine> => {
    for (let attempt = 1; ; attempt++) {
      const last = await lines.findOne({}, { sort: { _id: -1 }, projection: { hash: 1 } });
      const line = chain({ ...entry, _id: (last?._id ?? 0) + 1, previous: last?.hash ?? '' });
      try {
        await lines.insertOne(line, DURABLE);
        return line;
      } catch (error) {
        if (!isDuplicateKey(error) || attempt === ATTEMPTS) throw error;
      }
    }
  };
  // One after another within a process: else every writer would race all others for the next number.
  let tail: Promise<unknown> = Promise.resolve();
  return {
    add(entry) {
      const added = tail.then(() => add(entry));
      tail = added.catch(() => {});
      return added.catch((error) => {
        throw translateOutage(error);
      });
    },
    async list({ subject, before, limit = 100 } = {}) {
      const filter = { ...(subject ? { subject } : {}), ...(before ? { _id: { $lt: before } } : {}) };
      try {
        return await lines.find(filter).sort({ _id: -1 }).limit(limit).toArray();
      } catch (error) {
        throw translateOutage(error);
      }
    },
    async verify() {
      let previous = { _id: 0, hash: '' };
      for await (const line of lines.find({}).sort({ _id: 1 }).batchSize(VERIFY_BATCH)) {
        const { hash, ...rest } = line;
        const fits =
          line._id === previous._id + 1 && line.previous === previous.hash && chain(rest).hash === hash;
        if (!fits) return line._id;
        previous = line;
      }
      return undefined;
    },
  };
}

function chain(line: Omit<AuditLine, 'hash'>): AuditLine {
  const { _id, previous, at, actor, action, subject, detail } = line;
  const words = [_id, previous, at.toISOString(), actor, action, subject, Object.entries(detail ?? {})];
  return { ...line, hash: createHash('sha256').update(JSON.stringify(words)).digest('hex') };
}
