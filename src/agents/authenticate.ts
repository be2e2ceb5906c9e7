import type mongoose from 'mongoose';
import type { Store } from '../store/connect.ts';
import { hashToken } from './accounts.ts';
import { AGENTS, type AgentDoc } from './model.ts';
import type { Role } from './permissions.ts';

/** A token revoked by another process is still taken for this long at most. */
export const TOKEN_CACHE_MS = 2_000;
const CACHE_MAX = 1_000;
/** Longer ones are not ours; they are not even hashed. */
const TOKEN_MAX_CHARS = 200;

export interface Principal {
  id: mongoose.Types.ObjectId;
  name: string;
  email: string;
  role: Role;
}

export interface Authenticator {
  /** Who shows this token, or undefined. Rejects when MongoDB is away: then nobody is let in. */
  authenticate(token: string): Promise<Principal | undefined>;
  /** Forgets what it knows: called where this process revokes. */
  forget(): void;
}

/**
 * Looks the token up by its hash, so that no comparison of secrets can be timed. Only good answers are remembered:
 * a flood of bad tokens fills nothing, and a new token works at once.
 */
export function createAuthenticator(store: Store, now: () => Date): Authenticator {
  const known = new Map<string, { principal: Principal; until: number }>();
  const agents = store.collection<AgentDoc>(AGENTS);
  return {
    async authenticate(token) {
      if (token === '' || token.length > TOKEN_MAX_CHARS) return undefined;
      const hash = hashToken(token);
      const at = now().getTime();
      const hit = known.get(hash);
      // A clock that was set back must not prolong it.
      if (hit && at < hit.until && at >= hit.until - TOKEN_CACHE_MS) return hit.principal;
      known.delete(hash);
      const agent = await agents.findOne(
        { 'tokens.hash': hash, revokedAt: { $exists: false } },
        { projection: { name: 1, email: 1, role: 1 } },
      );
      if (!agent) return undefined;
      const principal = { id: agent._id, name: agent.name, email: agent.email, role: agent.role };
      if (known.size >= CACHE_MAX) known.clear();
      known.set(hash, { principal, until: at + TOKEN_CACHE_MS });
      return principal;
    },
    forget: () => known.clear(),
  };
}
