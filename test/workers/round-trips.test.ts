import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MESSAGES } from '../../src/conversations/model.ts';
import { type Desk, openDesk, SMS_INBOX } from '../support/desk.ts';
import { testServices } from '../support/services.ts';
import { smsArrival } from '../support/sms-arrival.ts';

/** What one command to MongoDB costs a message: `documents` counts those that it wrote or asked to write. */
interface Command {
  name: string;
  collection: string;
  documents: number;
}

let desk: Desk;
const commands: Command[] = [];
/** Not part of any message's way: the loops that look around. */
const LOOPS = new Set(['inboxes', 'leases', 'cursors', 'blobs', 'blobUsers', 'blobUploads']);

beforeAll(async () => {
  desk = await openDesk(testServices(), { monitorCommands: true });
  await desk.inboxes.add('sms-en', 'sms', SMS_INBOX);
  await desk.registry.refresh();
  desk.store.connection.getClient().on('commandStarted', ({ commandName, command }) => {
    if (!['insert', 'update', 'find', 'findAndModify', 'aggregate'].includes(commandName)) return;
    const collection = String(command[commandName]);
    if (LOOPS.has(collection) || command.filter?.dueAt) return; // the sweeper's look
    const documents =
      (command.documents ?? command.updates ?? []).length || (commandName === 'findAndModify' ? 1 : 0);
    commands.push({ name: commandName, collection, documents });
  });
});
afterAll(() => desk.close());

async function costOf(text: string, from: string): Promise<Command[]> {
  commands.length = 0;
  const { id } = await desk.record('sms-en')(smsArrival({ from, text }));
  const raw = await desk.store.collection<{ state: string }>('rawInbound');
  const waiting = async () =>
    (await raw.countDocuments({ state: { $in: ['received', 'processing'] } })) === 0;
  while (!(await waiting()));
  const messages = await desk.store.collection(MESSAGES).countDocuments({ text });
  expect({ id, messages }).toEqual({ id, messages: 1 });
  return commands.filter(({ name }) => name !== 'aggregate');
}

test('a first message costs a known number of round trips and written documents', async () => {
  const cost = await costOf('my payment failed', '+6281200000001');
  // raw, claim, address, contact, conversation + number, ticket, message, settlement
  expect(
    cost
      .filter(({ documents }) => documents > 0)
      .map(({ collection }) => collection)
      .sort(),
  ).toEqual([
    'contacts',
    'conversations',
    'counters',
    'identities',
    'messages',
    'rawInbound',
    'rawInbound',
    'rawInbound',
    'tickets',
  ]);
  expect(cost.reduce((sum, { documents }) => sum + documents, 0)).toBe(9);
  // … and the claimed record, what is stored already, whose address, which conversation
  expect(
    cost
      .filter(({ name }) => name === 'find')
      .map(({ collection }) => collection)
      .sort(),
  ).toEqual(['conversations', 'identities', 'messages', 'rawInbound']);
});

test('a further message of a conversation writes five documents', async () => {
  await costOf('first', '+6281200000002');
  const cost = await costOf('second', '+6281200000002');
  expect(cost.filter(({ documents }) => documents > 0).map(({ collection }) => collection)).toEqual([
    'rawInbound',
    'rawInbound',
    'tickets',
    'messages',
    'rawInbound',
  ]);
  expect(cost.reduce((sum, { documents }) => sum + documents, 0)).toBe(5);
});

test('messages that come together share their round trips', async () => {
  commands.length = 0;
  const many = 60;
  await Promise.all(
    Array.from({ length: many }, (_, i) =>
      desk.record('sms-en')(
        smsArrival({ from: `+62813000000${String(i).padStart(2, '0')}`, text: `hello ${i}` }),
      ),
    ),
  );
  const tickets = desk.store.collection('tickets');
  while ((await tickets.countDocuments({ subject: /^hello / })) < many);
  const raw = desk.store.collection('rawInbound');
  while ((await raw.countDocuments({ state: { $ne: 'done' } })) > 0);
  const trips = commands.filter(({ name }) => name !== 'aggregate').length;
  expect(trips / many).toBeLessThan(5);
});

test('no look-up of the way in scans a collection', async () => {
  const explained = await Promise.all([
    desk.store
      .collection('messages')
      .find({ inbox: 'sms-en', dedupeKey: { $in: ['a'], $exists: true } })
      .explain(),
    desk.store
      .collection('identities')
      .find({ current: true, kind: 'phone', value: { $in: ['+1'] } })
      .explain(),
    desk.store
      .collection('conversations')
      .find({ inbox: 'sms-en', threadKey: { $in: ['x'] } })
      .explain(),
    desk.store
      .collection('messages')
      .find({ mailIds: { $in: ['<a@b>'] } })
      .explain(),
    desk.store
      .collection('messages')
      .find({ externalIds: { $in: ['SM1'] }, inbox: 'sms-en', direction: 'out' })
      .explain(),
    desk.store
      .collection('rawInbound')
      .find({ dueAt: { $lte: new Date() } })
      .sort({ dueAt: 1, _id: 1 })
      .explain(),
    desk.store.collection('rawInbound').find({ inbox: 'sms-en', contentKey: 'x' }).explain(),
  ]);
  for (const plan of explained) expect(JSON.stringify(plan)).not.toContain('COLLSCAN');
});
