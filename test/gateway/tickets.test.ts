import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openGateway, type TestGateway, type Ticket } from './open-gateway.ts';

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
