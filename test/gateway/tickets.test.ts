import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import mongoose from 'mongoose';
import type { z } from 'zod';
import { pageOf } from '../../src/gateway/views/common.ts';
import { contactView } from '../../src/gateway/views/contact.ts';
import { fullInboxView } from '../../src/gateway/views/inbox.ts';
import { messageView } from '../../src/gateway/views/message.ts';
import { rawView } from '../../src/gateway/views/raw.ts';
import { fullTicketView, ticketView } from '../../src/gateway/views/ticket.ts';
import { TICKETS, type TicketDoc } from '../../src/tickets/model.ts';
import { TICKET_MOVES, TICKET_STATUSES } from '../../src/tickets/status.ts';
import { type Json, openGateway, type TestGateway, type Ticket } from './open-gateway.ts';

let gateway: TestGateway;
let ticket: Ticket;

beforeAll(async () => {
  gateway = await openGateway({ work: true });
  ticket = await gateway.ticketFrom('+15551230001', 'My card was charged twice');
});
afterAll(() => gateway.close());

describe('the list of tickets', () => {
  test('has the promised fields, so that programs can rely on them', async () => {
    expect(ticket).toEqual({
      id: expect.stringMatching(/^[a-f0-9]{24}$/),
      number: expect.any(Number),
      status: 'open',
      priority: 'P3',
      category: 'unclassified',
      subject: expect.stringContaining('charged twice'),
      inbox: 'support-sms',
      channel: 'sms',
      contact: {
        id: expect.stringMatching(/^[a-f0-9]{24}$/),
        name: null,
        identities: [{ kind: 'phone', value: '+15551230001' }],
      },
      assignee: null,
      tags: [],
      messageCount: 1,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      updatedAt: expect.stringMatching(/Z$/),
    });
  });
});

describe('filters', () => {
  const found = async (query: string) =>
    (await gateway.call('GET', `tickets?${query}`)).body.items.map(({ id }: Ticket) => id);

  test.each([
    ['status=open', true],
    ['status=resolved,closed', false],
    ['channel=sms,email', true],
    ['channel=email', false],
    ['inbox=support-sms', true],
    ['inbox=other', false],
    ['category=unclassified', true],
    ['category=spam', false],
    ['assignee=none', true],
    ['assignee=me', false],
    ['q=CHARGED%20twice', true],
    ['q=.*', false],
    ['q=%2B15551230001', true],
    ['q=15551230001', true],
    ['q=%2B1%20555%20123-0001', true],
    ['q=15551239999', false],
  ])('%s', async (query, isThere) => {
    expect((await found(query)).includes(ticket.id)).toBe(isThere);
  });

  test('a ticket is found by its number, with and without a sign before it', async () => {
    expect(await found(`q=${ticket.number}`)).toEqual([ticket.id]);
    expect(await found(`q=%23${ticket.number}`)).toEqual([ticket.id]);
  });

  test('pages are newest first, and none is shown twice or left out', async () => {
    const newer = await gateway.ticketFrom('+15551230002', 'A newer one');
    const first = (await gateway.call('GET', 'tickets?limit=1')).body;
    expect(first.items).toMatchObject([{ id: newer.id }]);
    const second = (await gateway.call('GET', `tickets?limit=1&cursor=${first.nextCursor}`)).body;
    expect(second).toMatchObject({ items: [{ id: ticket.id }], nextCursor: null });
  });
});

describe('the messages of a ticket', () => {
  test('have the promised fields, oldest first, page by page', async () => {
    await gateway.call('POST', `tickets/${ticket.id}/notes`, { body: { text: 'seen' } });
    const first = (await gateway.call('GET', `tickets/${ticket.id}/messages?limit=1`)).body;
    expect(first.items[0]).toMatchObject({
      id: expect.any(String),
      type: 'message',
      direction: 'in',
      inbox: 'support-sms',
      channel: 'sms',
      externalId: expect.stringMatching(/^SM/),
      sender: { kind: 'phone', value: '+15551230001' },
      subject: null,
      text: 'My card was charged twice',
      attachments: [],
      status: null,
      error: null,
      triage: { category: 'unclassified', priority: 'P3' },
      createdAt: expect.stringMatching(/Z$/),
    });
    const second = (await gateway.call('GET', `tickets/${ticket.id}/messages?cursor=${first.nextCursor}`))
      .body;
    expect(second.items.at(-1)).toMatchObject({ type: 'note', text: 'seen' });
    expect(second.nextCursor).toBeNull();
    const { steps } = (await gateway.call('GET', `messages/${first.items[0].id}/trace`)).body;
    const names = steps.map(({ step }: Json) => step);
    expect(names).toEqual(expect.arrayContaining(['received', 'stored', 'queued', 'classified', 'ticketed']));
  });
});

describe('a change', () => {
  const change = (body: object) => gateway.call('PATCH', `tickets/${ticket.id}`, { body });
  const activities = async () =>
    (await gateway.call('GET', `tickets/${ticket.id}/messages`)).body.items.filter(
      ({ type }: Json) => type === 'activity',
    );

  test('is told on the ticket in words, a line for each thing that changed, and none for what did not', async () => {
    const me = (await gateway.call('GET', 'me')).body;
    const answer = await change({
      priority: 'P1',
      category: 'spam',
      assignee: me.id,
      addTags: ['vip', 'vip'],
      status: 'open',
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        priority: 'P1',
        category: 'spam',
        assignee: me.id,
        tags: ['vip'],
        status: 'open',
        replyDefaults: { inbox: 'support-sms' },
      },
    });
    const told = (await activities()).map(({ activity }: Json) => activity);
    expect(told).toEqual(['priority_changed', 'category_changed', 'assignee_changed', 'tags_changed']);
    await change({ priority: 'P1' });
    expect(await activities()).toHaveLength(told.length);
    expect((await gateway.call('GET', 'tickets?assignee=me')).body.items).toHaveLength(1);
    expect((await change({ assignee: null, removeTags: ['vip'] })).body).toMatchObject({
      assignee: null,
      tags: [],
    });
  });

  test.each([
    [{ assignee: '0'.repeat(24) }, 422, 'agent_unknown'],
    [{ status: 'reopened' }, 400, 'invalid_request'],
    [{ number: 1 }, 400, 'invalid_request'],
    [{ tags: Array.from({ length: 51 }, (_, n) => `t${n}`) }, 400, 'invalid_request'],
  ] as [object, number, string][])('that makes no sense is refused: %j', async (body, status, code) => {
    expect(await change(body)).toMatchObject({ status, body: { code } });
  });

  test('made by many at once loses none', async () => {
    const tags = Array.from({ length: 10 }, (_, n) => `tag-${n}`);
    await Promise.all(tags.map((tag) => change({ addTags: [tag] })));
    expect((await gateway.call('GET', `tickets/${ticket.id}`)).body.tags.sort()).toEqual(tags);
  });
});

test('every move of a ticket that the table does not have is refused', async () => {
  const id = new mongoose.Types.ObjectId(ticket.id);
  const tickets = gateway.desk.store.collection<TicketDoc>(TICKETS);
  for (const from of TICKET_STATUSES)
    for (const to of TICKET_STATUSES) {
      await tickets.updateOne({ _id: id }, { $set: { status: from } });
      const answer = await gateway.call('PATCH', `tickets/${ticket.id}`, { body: { status: to } });
      const legal = from === to || TICKET_MOVES[from].includes(to);
      expect([from, to, answer.status]).toEqual([from, to, legal ? 200 : 409]);
      expect((await tickets.findOne({ _id: id }))!.status).toBe(legal ? to : from);
    }
});

test('answers are what the documentation says, no field more and none less', async () => {
  const check = async (path: string, view: z.ZodType) => {
    const { status, body } = await gateway.call('GET', path, { as: 'admin' });
    expect(status).toBe(200);
    expect(view.parse(body)).toEqual(body);
  };
  await check('tickets', pageOf(ticketView));
  await check(`tickets/${ticket.id}`, fullTicketView);
  await check(`tickets/${ticket.id}/messages`, pageOf(messageView));
  await check('contacts', pageOf(contactView));
  await check('raw', pageOf(rawView));
  await check('inboxes/support-sms', fullInboxView);
});
