import { createHash, randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { DURABLE, type Store } from '../store/connect.ts';
import { isDuplicateKey } from '../store/translate-outage.ts';
import { AgentError } from './errors.ts';
import { AGENTS, type AgentDoc } from './model.ts';
import type { Role } from './permissions.ts';

/** Lets a leaked token be recognised for what it is. */
const TOKEN_PREFIX = 'esh_';
const TOKEN_BYTES = 32;
/** An agent keeps this many tokens (a laptop, a phone, a script); issuing one more drops the oldest. */
export const TOKENS_MAX = 10;

export const hashToken = (token: string) => createHash('sha256').update(token).digest('hex');

/** Adds an agent. Rejects with AgentError `email_taken`. */
export async function addAgent(
  store: Store,
  { name, email, role }: { name: string; email: string; role: Role },
  now: Date,
): Promise<AgentDoc> {
  const agent: AgentDoc = {
    _id: new mongoose.Types.ObjectId(),
    name: name.trim(),
    email: email.trim().toLowerCase(),
    role,
    tokens: [],
    createdAt: now,
  };
  try {
    await store.collection<AgentDoc>(AGENTS).insertOne(agent, DURABLE);
  } catch (error) {
    if (isDuplicateKey(error))
      throw new AgentError('email_taken', `An agent with the address ${agent.email} exists already.`);
    throw error;
  }
  return agent;
}

/** Newest first, revoked ones too. */
export async function listAgents(store: Store): Promise<AgentDoc[]> {
  return store.collection<AgentDoc>(AGENTS).find().sort({ _id: -1 }).toArray();
}

export async function findAgent(store: Store, id: mongoose.Types.ObjectId): Promise<AgentDoc | undefined> {
  return (await store.collection<AgentDoc>(AGENTS).findOne({ _id: id })) ?? undefined;
}

/**
 * Makes a bearer token: the only moment at which it can be read. Rejects with AgentError `agent_unknown` or
 * `agent_revoked`.
 */
export async function issueToken(store: Store, id: mongoose.Types.ObjectId, now: Date): Promise<string> {
  const token = `${TOKEN_PREFIX}${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  const result = await store
    .collection<AgentDoc>(AGENTS)
    .updateOne(
      { _id: id, revokedAt: { $exists: false } },
      { $push: { tokens: { $each: [{ hash: hashToken(token), createdAt: now }], $slice: -TOKENS_MAX } } },
      DURABLE,
    );
  if (result.matchedCount === 1) return token;
  if (await findAgent(store, id))
    throw new AgentError('agent_revoked', 'This agent was revoked; add a new one.');
  throw new AgentError('agent_unknown', `There is no agent ${id.toHexString()}.`);
}

/** Ends an agent and all its tokens. A second call changes nothing. Rejects with AgentError `agent_unknown`. */
export async function revokeAgent(store: Store, id: mongoose.Types.ObjectId, now: Date): Promise<AgentDoc> {
  const agents = store.collection<AgentDoc>(AGENTS);
  await agents.updateOne(
    { _id: id, revokedAt: { $exists: false } },
    { $set: { revokedAt: now, tokens: [] } },
    DURABLE,
  );
  const agent = await agents.findOne({ _id: id });
  if (!agent) throw new AgentError('agent_unknown', `There is no agent ${id.toHexString()}.`);
  return agent;
}
