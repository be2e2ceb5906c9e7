import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Permission, ROLE_PERMISSIONS, ROLES, type Role } from '../../src/agents/index.ts';
import { type Json, openGateway, type TestGateway } from './open-gateway.ts';

/** What each route needs, written down a second time: a new route without a row here fails. */
const NEEDS: Record<string, Permission | 'any'> = {
  'GET /tickets': 'tickets.read',
  'GET /tickets/{id}': 'tickets.read',
  'PATCH /tickets/{id}': 'tickets.write',
  'GET /tickets/{id}/messages': 'tickets.read',
  'POST /tickets/{id}/replies': 'tickets.write',
  'POST /tickets/{id}/notes': 'tickets.write',
  'GET /messages/{id}': 'tickets.read',
  'GET /messages/{id}/trace': 'tickets.read',
  'POST /messages/{id}/cancel': 'tickets.write',
  'POST /messages/{id}/retry': 'tickets.write',
  'GET /messages/{id}/attachments/{index}': 'tickets.read',
  'GET /contacts': 'tickets.read',
  'GET /contacts/{id}': 'tickets.read',
  'GET /inboxes': 'inboxes.read',
  'GET /inboxes/{id}': 'inboxes.manage',
  'POST /inboxes': 'inboxes.manage',
  'PATCH /inboxes/{id}': 'inboxes.manage',
  'DELETE /inboxes/{id}': 'inboxes.manage',
  'GET /raw': 'raw.read',
  'GET /raw/{id}': 'raw.read',
  'GET /raw/{id}/original': 'raw.open',
  'GET /raw/{id}/original/body': 'raw.open',
  'PATCH /raw/{id}': 'raw.open',
  'POST /raw/{id}/replay': 'raw.replay',
  'GET /agents': 'agents.manage',
  'POST /agents': 'agents.manage',
  'DELETE /agents/{id}': 'agents.manage',
  'POST /agents/{id}/tokens': 'agents.manage',
  'GET /audit': 'audit.read',
  'GET /me': 'any',
  'GET /events': 'tickets.read',
};
/** Answers with an endless stream, which an injected request would wait for. */
const ENDLESS = 'GET /events';

let gateway: TestGateway;
let document: Json;

beforeAll(async () => {
  gateway = await openGateway();
  document = (await gateway.call('GET', '/api/docs/json')).body;
});
afterAll(() => gateway.close());

const routesOf = (openApi: Json): string[] =>
  Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path.replace('/api/v1', '')}`),
  );

const ask = (route: string, options: { as?: Role; token?: string; headers?: Record<string, string> }) => {
  const [method, path] = route.split(' ') as [string, string];
  const url = `/api/v1${path.replace('{id}', '0123456789abcdef01234567').replace('{index}', '0')}`;
  return gateway.call(method, url, options);
};

test('the documentation is OpenAPI 3.1 and names every route of the API, and no other', () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  expect(routesOf(document).sort()).toEqual(Object.keys(NEEDS).sort());
});

describe.each(Object.entries(NEEDS))('%s', (route, needs) => {
  test('without a token, or with a bad one: 401, whatever else is wrong', async () => {
    for (const headers of [
      { authorization: '' },
      { authorization: 'Basic YTpi' },
      { authorization: 'Bearer esh_nobody' },
    ]) {
      const answer = await ask(route, { headers });
      expect(answer.status).toBe(401);
      expect(answer.body.code).toMatch(/^token_(missing|invalid)$/);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    }
  });

  test.each(ROLES)('as %s: let in exactly where the role has the permission', async (role) => {
    const allowed = needs === 'any' || ROLE_PERMISSIONS[role].includes(needs);
    if (allowed && route === ENDLESS) return;
    const answer = await ask(route, { as: role });
    if (allowed) expect([401, 403]).not.toContain(answer.status);
    else
      expect(answer).toMatchObject({ status: 403, body: { code: 'permission_missing', permission: needs } });
  });
});

test('the roles are what the design says: viewers read, agents write on tickets, admins do everything', () => {
  expect(ROLE_PERMISSIONS.viewer.some((permission) => /write|manage|raw|audit/.test(permission))).toBe(false);
  expect(
    ROLE_PERMISSIONS.agent.filter((permission) => !ROLE_PERMISSIONS.viewer.includes(permission)),
  ).toEqual(['tickets.write']);
  const all = new Set(Object.values(NEEDS).filter((needed) => needed !== 'any'));
  expect(new Set(ROLE_PERMISSIONS.admin)).toEqual(all);
});
