import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sms } from '../../channels/sms/index.ts';
import type { HttpEnvelope, InboundEvent } from '../../src/contract/index.ts';
import { channelDeps, HOOK_URL } from '../contract/channel-deps.ts';
import { rawOf } from '../contract/describe-channel.ts';

const config = sms.configSchema.parse({
  accountSid: `AC${'2'.repeat(32)}`,
  authToken: 'tok',
  from: '+15005550006',
});
const channel = sms.open(config, channelDeps().deps);

/** A server behind a proxy: it listens elsewhere than the world thinks. Takes only what is genuine. */
const received: InboundEvent[] = [];
const server = createServer(async (request, response) => {
  const body = await buffer(request);
  const envelope: HttpEnvelope = {
    via: 'http',
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers as Record<string, string>,
  };
  const verdict = channel.webhook!.verify(envelope, body);
  if (!verdict.ok) return response.writeHead(verdict.status).end();
  received.push(...(await channel.normalise(rawOf({ envelope, body }))).events);
  const reply = channel.webhook!.respond!(envelope, body);
  return response.writeHead(reply.status, reply.headers).end(reply.body);
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

const target = (text?: string) => ({
  hookUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/line-1`,
  publicHookUrl: HOOK_URL,
  host: 'desk.example.com',
  now: new Date(),
  ...(text ? { text } : {}),
});

test.each([
  { name: 'inbound', type: 'message' },
  { name: 'mms', type: 'message' },
  { name: 'stop', type: 'consent' },
  { name: 'status', type: 'receipt' },
])('trigger sms.$name is genuine and becomes a $type', async ({ name, type }) => {
  received.length = 0;
  expect(await sms.triggers![name]!(config, target())).not.toBe('');
  expect(received.map((event) => event.type)).toEqual([type]);
});

test('a text of the operator is sent as it stands', async () => {
  received.length = 0;
  await sms.triggers!.inbound!(config, target('Modem saya mati 😀'));
  expect(received).toMatchObject([{ type: 'message', text: 'Modem saya mati 😀' }]);
});

test('two samples are two messages', async () => {
  received.length = 0;
  for (let n = 0; n < 2; n++) await sms.triggers!.inbound!(config, target());
  const ids = received.map((event) => event.type === 'message' && event.dedupeKey);
  expect(new Set(ids).size).toBe(2);
});

test('samples come from different senders, so that each can open a ticket of its own', async () => {
  received.length = 0;
  for (let n = 0; n < 20; n++) await sms.triggers!.inbound!(config, target());
  const senders = received.map((event) => (event.type === 'message' ? event.sender.value : ''));
  for (const sender of senders) expect(sender).toMatch(/^\+(141555501\d\d|62812\d{8}|86138\d{8})$/);
  expect(new Set(senders).size).toBeGreaterThan(10);
  // Those of the demo's own customers, whose tickets a sample must not join.
  for (const customer of ['+6281234567890', '+8613800138000']) expect(senders).not.toContain(customer);
});

test('a refusal is told, not passed over', async () => {
  const stranger = { ...config, authToken: 'other' };
  await expect(sms.triggers!.inbound!(stranger, target())).rejects.toThrow('403');
});
