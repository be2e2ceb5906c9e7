import type mongoose from 'mongoose';
import type { IndexSpec } from '../store/ensure-indexes.ts';
import type { Role } from './permissions.ts';

export const AGENTS = 'agents';

/** A person, or a program, that works with tickets. A revoked one stays: what it wrote names it. */
export interface AgentDoc {
  _id: mongoose.Types.ObjectId;
  name: string;
  /** Lower-cased. */
  email: string;
  role: Role;
  tokens: AgentToken[];
  createdAt: Date;
  revokedAt?: Date;
}

/** A bearer token is shown once; what is kept is its SHA-256 in hexadecimal. */
export interface AgentToken {
  hash: string;
  createdAt: Date;
}

export const INDEXES: IndexSpec[] = [
  { collection: AGENTS, keys: { email: 1 }, options: { unique: true, name: 'agent_email' } },
  {
    collection: AGENTS,
    keys: { 'tokens.hash': 1 },
    options: {
      unique: true,
      name: 'agent_token',
      partialFilterExpression: { 'tokens.hash': { $exists: true } },
    },
  },
];
