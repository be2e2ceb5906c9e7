import { z } from 'zod';
import { type AgentDoc, ROLES } from '../../agents/index.ts';
import { idSchema, timeSchema } from './common.ts';

export const agentView = z
  .object({
    id: idSchema,
    name: z.string(),
    email: z.string(),
    role: z.enum(ROLES),
    tokens: z.number().int().describe('How many are valid'),
    createdAt: timeSchema,
    revokedAt: timeSchema.nullable(),
  })
  .meta({ id: 'Agent' });

export function viewAgent(agent: AgentDoc): z.output<typeof agentView> {
  return {
    id: agent._id.toHexString(),
    name: agent.name,
    email: agent.email,
    role: agent.role,
    tokens: agent.tokens.length,
    createdAt: agent.createdAt.toISOString(),
    revokedAt: agent.revokedAt?.toISOString() ?? null,
  };
}
