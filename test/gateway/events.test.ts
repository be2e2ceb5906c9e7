import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startThrowawayServices, type ThrowawayServices } from '../support/services.ts';
import { until } from '../support/until.ts';
import { openGateway, type TestGateway, type Ticket } from './open-gateway.ts';
import { readStream } from './read-stream.ts';

let services: ThrowawayServices;
let gateway: TestGateway;
let ticket: Ticket;
let url: string;

beforeAll(async () => {
  services = await startThrowawayServices();
  const uri = services.mongodbUri('events');
  gateway = await openGateway({
    work: true,
    services: { mongodbUri: () => uri, redisUrl: services.redisUrl },
  });
  await gateway.app.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(gateway.app.server.address() as { port: number }).port}/api/v1/events`;
  ticket = await gateway.ticketFrom('+15551230100', 'The first one');
});
afterAll(async () => {
  await gateway.close();
  await services.close();
});

const note = (text: string) => gateway.call('POST', `tickets/${ticket.id}/notes`, { body: { text } });
const isNote = (text: string) => (seen: { data: { text?: string } }) => seen.data.text === text;

test('what changes is told in the shapes of the API, from the moment the stream answers', async () => {
  const stream = await readStream(url, gateway.tokens.viewer);
  expect(stream.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const created = await gateway.ticketFrom('+15551230101', 'Another one');
  const told = await stream.find(
    ({ event, data }) => event === 'ticket.created' && data.id === created.id,
    'ticket.created',
  );
  expect(told.data).toMatchObject({ number: created.number, contact: created.contact, status: 'open' });
  const message = await stream.find(
    ({ event, data }) => event === 'message.created' && data.ticket === created.id,
    'message.created',
  );
  expect(message.data).toMatchObject({ direction: 'in', text: 'Another one' });
  expect(message.data).not.toHaveProperty('trace');

  await gateway.call('PATCH', `tickets/${created.id}`, { body: { priority: 'P1' } });
  await stream.find(
    ({ event, data }) => event === 'ticket.updated' && data.id === created.id && data.priority === 'P1',
    'ticket.updated',
  );
  await stream.close();
});

test('who comes back with Last-Event-ID hears what he missed', async () => {
  const first = await readStream(url, gateway.tokens.viewer);
  await note('before the break');
  await first.find(isNote('before the break'), 'a note');
  const lastId = first.lastId();
  await first.close();
  await note('during the break');
  const second = await readStream(url, gateway.tokens.viewer, lastId);
  await second.find(isNote('during the break'), 'the missed note');
  await note('after the break');
  await second.find(isNote('after the break'), 'the next note');
  expect(second.events.some(isNote('before the break'))).toBe(false);
  await second.close();
});

test('who broke off before any event came can resume all the same', async () => {
  const first = await readStream(url, gateway.tokens.viewer);
  const lastId = await until(() => first.lastId(), 'an id to resume from');
  await first.close();
  await note('in between');
  const second = await readStream(url, gateway.tokens.viewer, lastId);
  await second.find(isNote('in between'), 'the missed note');
  await second.close();
});

test.each(['garbage', '82'.repeat(40), '8'.repeat(900)])(
  'an id that nobody can resume from says reset, and goes on (%#)',
  async (id) => {
    const stream = await readStream(url, gateway.tokens.viewer, id);
    await stream.find(({ event }) => event === 'reset', 'reset');
    await note(`after ${id.length}`);
    await stream.find(isNote(`after ${id.length}`), 'the next note');
    await stream.close();
  },
);

test('the stream goes on by itself after MongoDB was killed and came back, and nothing is missed', async () => {
  const stream = await readStream(url, gateway.tokens.viewer);
  await note('before the outage');
  await stream.find(isNote('before the outage'), 'a note');
  await services.killMongo();
  await services.startMongo();
  await until(async () => (await note('after the outage')).status === 201, 'MongoDB takes notes again');
  await stream.find(isNote('after the outage'), 'the note after the outage');
  await stream.close();
});

test('one change stream serves all who listen, and none is left when they have gone', async () => {
  const open = async () => {
    const admin = gateway.desk.store.connection.getClient().db('admin');
    const ops = await admin
      .aggregate([
        { $currentOp: { idleCursors: true, localOps: true } },
        { $match: { 'cursor.originatingCommand.pipeline.0.$changeStream': { $exists: true } } },
      ])
      .toArray();
    return new Set(ops.map(({ cursor }) => String(cursor.cursorId))).size;
  };
  await until(async () => (await open()) === 0, 'earlier ones are gone');
  const streams = await Promise.all(Array.from({ length: 5 }, () => readStream(url, gateway.tokens.viewer)));
  expect(await open()).toBe(1);
  for (const stream of streams) await stream.close();
  await until(async () => (await open()) === 0, 'the change stream is closed');
});

test('a reader who leaves everything lying is cut off: he must not fill our memory', async () => {
  const connections = () =>
    new Promise<number>((resolve) => gateway.app.server.getConnections((_, count) => resolve(count)));
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1', () =>
    socket.write(
      `GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.tokens.viewer}\r\n\r\n`,
    ),
  );
  socket.on('error', () => {});
  await once(socket, 'readable');
  const before = await connections();
  const cut = until(async () => (await connections()) < before, 'the connection is cut');
  let done = false;
  cut
    .finally(() => {
      done = true;
    })
    .catch(() => {});
  while (!done) await note('x'.repeat(190_000));
  await cut;
  socket.destroy();
});

test('closing the server ends the streams: a stop never waits for a browser', async () => {
  const stream = await readStream(url, gateway.tokens.viewer);
  await gateway.app.close();
  await stream.ended();
});
