import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { type Authenticator, may, type Permission, type Principal } from '../agents/index.ts';
import { type Audit, createAudit } from '../store/audit.ts';
import type { GatewayDeps } from './deps.ts';
import { Problem } from './problem.ts';
import { problemView } from './views/common.ts';

/** What any route may answer instead, as the documentation shows it. */
const PROBLEM = {
  description: 'A problem: RFC 9457, with a stable code',
  content: { 'application/problem+json': { schema: problemView } },
};
export const API_PREFIX = '/api/v1';
const BEARER = /^Bearer +(\S+)$/i;
const CHALLENGE = { 'www-authenticate': 'Bearer realm="earshot"' };

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Set on every route of the agent API. */
    principal: Principal;
  }
  interface FastifyContextConfig {
    /** What a route of the agent API needs; one without it does not start. */
    permission?: Permission | 'any';
  }
}

/** What the routes of the agent API stand on. */
export interface ApiDeps extends GatewayDeps {
  authenticator: Authenticator;
  audit: Audit;
}

/** The scope of the agent API: its schemas are zod's. */
export type Api = ReturnType<typeof typed>;
const typed = (app: FastifyInstance) => app.withTypeProvider<ZodTypeProvider>();

/**
 * The scope of the agent API: every route in it names the permission that it needs, is refused without a token that
 * has it, and only then reads a body.
 */
export function agentApi(
  deps: GatewayDeps & { authenticator: Authenticator },
  routes: ((api: Api, deps: ApiDeps) => void)[],
): FastifyPluginAsync {
  return async (app) => {
    app.addHook('onRoute', ({ method, url, config, schema }) => {
      if (config?.permission === undefined || !schema)
        throw new Error(`${String(method)} ${url} names no permission; see src/agents/permissions.ts`);
      schema.response = { ...(schema.response as object), default: PROBLEM };
    });
    app.addHook('onRequest', async (request) => {
      request.principal = await whoAsks(deps.authenticator, request);
      const { permission } = request.routeOptions.config;
      if (permission !== undefined && permission !== 'any' && !may(request.principal.role, permission))
        throw new Problem(403, 'permission_missing', `This needs the permission ${permission}.`, {
          extra: { permission, role: request.principal.role },
        });
    });
    const api = typed(app);
    const apiDeps = { ...deps, audit: createAudit(deps.store) };
    for (const register of routes) register(api, apiDeps);
  };
}

/** Rejects with Problem 401. */
export async function whoAsks(authenticator: Authenticator, request: FastifyRequest): Promise<Principal> {
  const { authorization } = request.headers;
  if (authorization === undefined)
    throw new Problem(401, 'token_missing', 'Send the header `Authorization: Bearer TOKEN`.', {
      headers: CHALLENGE,
    });
  const token = BEARER.exec(authorization)?.[1];
  const principal = token === undefined ? undefined : await authenticator.authenticate(token);
  if (principal) return principal;
  throw new Problem(401, 'token_invalid', 'This token is not valid, or was revoked.', { headers: CHALLENGE });
}
