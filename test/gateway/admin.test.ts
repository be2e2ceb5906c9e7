import { glob, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SMS_INBOX } from '../support/desk.ts';
import { type Json, openGateway, type TestGateway } from './open-gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await openGateway({ work: true });
});
afterAll(() => gateway.close());

const admin = (method: string, path: string, body?: unknown) =>
  gateway.call(method, path, { as: 'admin', ...(body === undefined ? {} : { body }) });

describe('inboxes', () => {
  test('are listed with health and where to send webhooks, and no answer ever holds a secret', async () => {
    const added = await admin('POST', 'inboxes', {
      id: 'second-sms',
      kind: 'sms',
      name: 'Second',
      config: SMS_INBOX,
    });
    expect(added).toMatchObject({
      status: 201,
      body: {
        id: 'second-sms',
        name: 'Second',
        secrets: ['authToken'],
        webhookUrl: 'https://desk.example/hooks/second-sms',
      },
    });
    const list = await gateway.call('GET', 'inboxes', { as: 'viewer' });
    expect(list.body.items.map(({ id }: Json) => id)).toEqual(['second-sms', 'support-sms']);
    expect(list.body.items[0]).toMatchObject({
      kind: 'sms',
      paused: false,
      health: { state: 'unknown', errors: 0 },
    });
    expect(list.body.items[0]).not.toHaveProperty('config');
    const one = await admin('GET', 'inboxes/second-sms');
    for (const { text } of [added, list, one]) expect(text).not.toContain(SMS_INBOX.authToken);
  });

  test('are paused, changed and removed, each with an audit line', async () => {
    await admin('POST', 'inboxes', { id: 'third-sms', kind: 'sms', config: SMS_INBOX });
    const paused = await admin('PATCH', 'inboxes/third-sms', { paused: true, name: 'Third' });
    expect(paused).toMatchObject({
      status: 200,
      body: { paused: true, name: 'Third', secrets: ['authToken'] },
    });
    expect((await admin('DELETE', 'inboxes/third-sms')).status).toBe(204);
    expect(await admin('GET', 'inboxes/third-sms')).toMatchObject({
      status: 404,
      body: { code: 'inbox_not_found' },
    });
    const lines = (await admin('GET', 'audit?subject=inbox:third-sms')).body.items;
    expect(lines.map(({ action }: Json) => action)).toEqual(['inbox.remove', 'inbox.change', 'inbox.add']);
  });

  test.each([
    [{ id: 'support-sms', kind: 'sms', config: SMS_INBOX }, 409, 'inbox_exists'],
    [{ id: 'No Id', kind: 'sms', config: SMS_INBOX }, 400, 'invalid_request'],
    [{ id: 'fax', kind: 'fax', config: {} }, 400, 'invalid_request'],
    [{ id: 'line', kind: 'line', config: {} }, 422, 'unknown_kind'],
    [{ id: 'bare', kind: 'sms', config: {} }, 422, 'bad_configuration'],
  ] as [object, number, string][])('that cannot be are refused: %j', async (body, status, code) => {
    expect(await admin('POST', 'inboxes', body)).toMatchObject({ status, body: { code } });
  });
});

describe('agents', () => {
  test('get a token once, work with it, and are out at once when revoked', async () => {
    const added = await admin('POST', 'agents', { name: 'Ben', email: 'Ben@desk.example', role: 'agent' });
    expect(added).toMatchObject({
      status: 201,
      body: { email: 'ben@desk.example', tokens: 1, token: expect.stringMatching(/^esh_/) },
    });
    const { id, token } = added.body;
    expect((await gateway.call('GET', 'me', { token })).body).toMatchObject({
      id,
      role: 'agent',
      permissions: ['tickets.read', 'inboxes.read', 'tickets.write'],
    });
    const second = (await admin('POST', `agents/${id}/tokens`)).body.token;
    expect((await gateway.call('GET', 'me', { token: second })).status).toBe(200);
    expect((await admin('GET', 'agents')).text).not.toContain(token);
    expect((await admin('DELETE', `agents/${id}`)).body.revokedAt).toEqual(expect.any(String));
    for (const dead of [token, second])
      expect((await gateway.call('GET', 'me', { token: dead })).status).toBe(401);
    expect(await admin('POST', `agents/${id}/tokens`)).toMatchObject({
      status: 409,
      body: { code: 'agent_revoked' },
    });
    const lines = (await admin('GET', `audit?subject=agent:${id}`)).body.items;
    expect(lines.map(({ action }: Json) => action)).toEqual(['agent.revoke', 'agent.token', 'agent.add']);
  });

  test('do not share an address, and no admin locks himself out', async () => {
    expect(
      await admin('POST', 'agents', { name: 'B', email: 'ADMIN@desk.example', role: 'viewer' }),
    ).toMatchObject({
      status: 409,
      body: { code: 'email_taken' },
    });
    const me = (await admin('GET', 'me')).body;
    expect(await admin('DELETE', `agents/${me.id}`)).toMatchObject({
      status: 409,
      body: { code: 'cannot_revoke_self' },
    });
  });
});

describe('contacts', () => {
  test('are found by address or number, with their addresses and tickets', async () => {
    const ticket = await gateway.ticketFrom('+15551230400', 'Hello');
    const { items } = (await gateway.call('GET', 'contacts?q=%2B1%20(555)%20123-0400')).body;
    expect(items).toMatchObject([
      {
        id: ticket.contact.id,
        identities: [{ kind: 'phone', value: '+15551230400', proof: 'channel', optedOut: [] }],
      },
    ]);
    const { body } = await gateway.call('GET', `contacts/${ticket.contact.id}`);
    expect(body.tickets).toMatchObject([{ id: ticket.id, number: ticket.number }]);
    expect((await gateway.call('GET', 'contacts?q=nobody')).body).toEqual({ items: [], nextCursor: null });
    expect((await gateway.call('GET', `contacts/${'0'.repeat(24)}`)).body.code).toBe('contact_unknown');
  });
});

describe('operations', () => {
  test('/metrics tells what was counted and what waits, and labels no made-up name', async () => {
    await gateway.call('POST', '/hooks/made-up-name', { body: {} });
    const { text, headers } = await gateway.call('GET', '/metrics', { token: '' });
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(text).toContain('earshot_work_waiting{queue="inbound"}');
    expect(text).toContain('earshot_wake_ups{queue="outbound",state="waiting"}');
    expect(text).toContain('earshot_inbox_failing{inbox="support-sms"} 0');
    expect(text).toContain('earshot_deliveries_refused_total{inbox="-",code="inbox_unknown"}');
    expect(text).not.toContain('made-up-name');
  });

  test('/readyz says in words which inbox does not work, and stays ready for the others', async () => {
    expect((await gateway.call('GET', '/readyz')).body).toMatchObject({
      status: 'ok',
      problems: [],
      warnings: [],
    });
    const failing = {
      state: 'failing',
      code: 'credentials_rejected',
      message: 'The password is wrong.',
      errors: 3,
    };
    await gateway.desk.store
      .collection<Json>('inboxes')
      .updateOne({ _id: 'support-sms' }, { $set: { health: failing } });
    const { status, body } = await gateway.call('GET', '/readyz');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'degraded',
      warnings: ['Inbox "support-sms" is failing: The password is wrong.'],
    });
  });

  test('/readyz is 503 while the start has not finished', async () => {
    const starting = await openGateway({ with: { pending: () => ['Indexes are being made.'] } });
    expect(await starting.call('GET', '/readyz')).toMatchObject({
      status: 503,
      body: { status: 'unavailable', problems: ['Indexes are being made.'] },
    });
    expect((await starting.call('GET', '/healthz')).status).toBe(200);
    await starting.close();
  });

  test('the page of the documentation is served, and may run only its own scripts', async () => {
    const { status, headers, text } = await gateway.call('GET', '/api/docs/', { token: '' });
    expect(status).toBe(200);
    expect(text).toContain('swagger-ui');
    expect(headers['content-security-policy']).toMatch(/script-src/);
  });
});

test('every code that the API may answer is explained in docs/errors.md', async () => {
  const explained = await readFile('docs/errors.md', 'utf8');
  const codes = new Set<string>();
  for await (const file of glob(
    'src/{gateway,intake,contacts,conversations,tickets,agents,inboxes}/**/*.ts',
  )) {
    const source = await readFile(file, 'utf8');
    const said = source.matchAll(/(?:refuse|Problem|AgentError|InboxError)\(\s*(?:\d{3},\s*)?'([a-z_]+)'/g);
    for (const [, code] of said) codes.add(code!);
    for (const [, code] of source.matchAll(/code: '([a-z_]+)', (?:message|detail)/g)) codes.add(code!);
  }
  expect(codes.size).toBeGreaterThan(40);
  expect([...codes].filter((code) => !explained.includes(`\`${code}\``))).toEqual([]);
});
