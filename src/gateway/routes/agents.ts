import { z } from 'zod';
import { addAgent, issueToken, listAgents, ROLES, revokeAgent } from '../../agents/index.ts';
import type { Api, ApiDeps } from '../api.ts';
import { Problem } from '../problem.ts';
import { agentView, viewAgent } from '../views/agent.ts';
import { idParams, objectId } from '../views/common.ts';

const tokenView = z.string().describe('Shown this once');

export function agentRoutes(api: Api, deps: ApiDeps): void {
  const { store, audit, authenticator, now } = deps;
  const wrote = (actor: string, action: string, id: string) =>
    audit.add({ at: now(), actor, action, subject: `agent:${id}` });

  api.get(
    '/agents',
    {
      config: { permission: 'agents.manage' },
      schema: {
        tags: ['agents'],
        summary: 'All agents, newest first, revoked ones too',
        response: { 200: z.object({ items: z.array(agentView), nextCursor: z.null() }) },
      },
    },
    async () => ({ items: (await listAgents(store)).map(viewAgent), nextCursor: null }),
  );

  api.post(
    '/agents',
    {
      config: { permission: 'agents.manage' },
      schema: {
        tags: ['agents'],
        summary: 'Add an agent; answers its token, this once',
        body: z.strictObject({
          name: z.string().trim().min(1).max(100),
          email: z.email().max(254),
          role: z.enum(ROLES),
        }),
        response: { 201: agentView.extend({ token: tokenView }).meta({ id: 'NewAgent' }) },
      },
    },
    async ({ body, principal }, reply) => {
      const agent = await addAgent(store, body, now());
      const token = await issueToken(store, agent._id, now());
      await wrote(principal.id.toHexString(), 'agent.add', agent._id.toHexString());
      return reply.code(201).send({ ...viewAgent(agent), tokens: 1, token });
    },
  );

  api.post(
    '/agents/:id/tokens',
    {
      config: { permission: 'agents.manage' },
      schema: {
        tags: ['agents'],
        summary: 'Make another token for an agent',
        params: idParams,
        response: { 201: z.object({ token: tokenView }) },
      },
    },
    async ({ params, principal }, reply) => {
      const token = await issueToken(store, objectId(params.id, 'agent_unknown'), now());
      await wrote(principal.id.toHexString(), 'agent.token', params.id);
      return reply.code(201).send({ token });
    },
  );

  api.delete(
    '/agents/:id',
    {
      config: { permission: 'agents.manage' },
      schema: {
        tags: ['agents'],
        summary: 'Revoke an agent and all its tokens; what it wrote stays',
        params: idParams,
        response: { 200: agentView },
      },
    },
    async ({ params, principal }) => {
      const id = objectId(params.id, 'agent_unknown');
      // Whoever could lock himself out might be the last who can let others in.
      if (id.equals(principal.id))
        throw new Problem(409, 'cannot_revoke_self', 'Another admin has to revoke you.');
      const agent = await revokeAgent(store, id, now());
      authenticator.forget();
      await wrote(principal.id.toHexString(), 'agent.revoke', id.toHexString());
      return viewAgent(agent);
    },
  );
}
