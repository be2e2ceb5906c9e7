import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Json, openGateway, type TestGateway } from './open-gateway.ts';

let gateway: TestGateway;
let port: number;

beforeAll(async () => {
  gateway = await openGateway();
  await gateway.app.listen({ port: 0, host: '127.0.0.1' });
  port = (gateway.app.server.address() as { port: number }).port;
});
afterAll(() => gateway.close());

const request = async (path: string, init: RequestInit & { duplex?: 'half' } = {}) => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${gateway.tokens.admin}`, ...init.headers },
  } as RequestInit);
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    headers: answer.headers,
    body: (await answer.json()) as Json,
  };
};
const JSON_TYPE = { 'content-type': 'application/json' };

describe('every error is problem+json with a stable code', () => {
  test.each([
    ['an unknown address', '/nowhere', {}, 404, 'not_found'],
    ['an unknown address of the API', '/api/v1/nowhere', {}, 404, 'not_found'],
    [
      'a method that an address does not have',
      '/api/v1/tickets',
      { method: 'DELETE' },
      405,
      'method_not_allowed',
    ],
    ['no JSON', '/api/v1/agents', { method: 'POST', body: '{', headers: JSON_TYPE }, 400, 'invalid_json'],
    [
      'a poisoned prototype',
      '/api/v1/agents',
      { method: 'POST', body: '{"__proto__":{}}', headers: JSON_TYPE },
      400,
      'invalid_json',
    ],
    ['no body', '/api/v1/agents', { method: 'POST' }, 400, 'invalid_request'],
    [
      'another content type',
      '/api/v1/agents',
      { method: 'POST', body: 'a=b', headers: { 'content-type': 'text/plain' } },
      415,
      'unsupported_media_type',
    ],
    [
      'too large a body',
      '/api/v1/agents',
      { method: 'POST', body: JSON.stringify({ name: 'x'.repeat(3e6) }), headers: JSON_TYPE },
      413,
      'body_too_large',
    ],
    [
      'an unknown field',
      '/api/v1/agents',
      {
        method: 'POST',
        body: '{"name":"A","email":"a@b.example","role":"viewer","admin":true}',
        headers: JSON_TYPE,
      },
      400,
      'invalid_request',
    ],
    ['an operator of the database', '/api/v1/tickets?status[$ne]=open', {}, 400, 'invalid_request'],
    ['a value twice', '/api/v1/tickets?q=a&q=b', {}, 400, 'invalid_request'],
    ['too long a page', '/api/v1/tickets?limit=201', {}, 400, 'invalid_request'],
    ['a made-up cursor', '/api/v1/tickets?cursor=abc', {}, 400, 'invalid_cursor'],
    ['a made-up cursor of messages', '/api/v1/audit?cursor=abc', {}, 400, 'invalid_cursor'],
    ['an id that is none', '/api/v1/tickets/1', {}, 404, 'ticket_unknown'],
    ['an id of nothing', `/api/v1/tickets/${'0'.repeat(24)}/messages`, {}, 404, 'ticket_unknown'],
    ['a URL that cannot be decoded', '/api/v1/tickets/%ff', {}, 400, 'bad_url'],
  ] as [string, string, RequestInit, number, string][])('%s', async (_, path, init, status, code) => {
    const answer = await request(path, init);
    expect(answer).toMatchObject({ status, type: expect.stringContaining('application/problem+json') });
    expect(answer.body).toMatchObject({
      type: `urn:earshot:problem:${code}`,
      title: expect.any(String),
      status,
      code,
      detail: expect.any(String),
      requestId: answer.headers.get('x-request-id'),
    });
  });

  test('a method that is not there names those that are', async () => {
    const { headers } = await request('/api/v1/tickets', { method: 'DELETE' });
    expect(headers.get('allow')).toBe('GET, HEAD');
  });

  test('what is no HTTP is answered too', async () => {
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json.*"code":"bad_request"/s);
  });

  test('a mistake says where it is', async () => {
    const { body } = await request('/api/v1/tickets?status=open,shut');
    expect(body.errors).toEqual([{ path: expect.stringContaining('status'), message: expect.any(String) }]);
  });
});

describe('headers', () => {
  test('no answer may be shown as a page, framed, or read by another site', async () => {
    const { headers } = await request('/api/v1/nowhere');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  test('a request id of a proxy is kept, a made-up one is not', async () => {
    const kept = await request('/nowhere', { headers: { 'x-request-id': 'trace-1.2' } });
    expect(kept.body.requestId).toBe('trace-1.2');
    const refused = await request('/nowhere', { headers: { 'x-request-id': 'a b"c' } });
    expect(refused.body.requestId).toMatch(/^[\w-]+$/);
  });

  test('a POST that says JSON and sends nothing is no mistake where nothing is needed', async () => {
    const answer = await request(`/api/v1/raw/${'0'.repeat(24)}/replay`, {
      method: 'POST',
      headers: JSON_TYPE,
    });
    expect(answer).toMatchObject({ status: 404, body: { code: 'raw_unknown' } });
  });
});
