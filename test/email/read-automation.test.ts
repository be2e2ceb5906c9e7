import { describe, expect, test } from '@jest/globals';
import { rawOf, read, readFixture } from './read-harness.ts';

const mail = (fields: string, from = 'A <a@mail.example>', subject = 'Hi') =>
  rawOf(`From: ${from}\r\nTo: support@shop.example\r\nSubject: ${subject}\r\n${fields}\r\nHello\r\n`);
const automation = async (raw: ReturnType<typeof rawOf>) => (await read(raw)).message.automation;

describe('who is never answered by a machine', () => {
  test.each([
    ['auto-reply-exchange', 'auto-reply'],
    ['auto-reply-vacation', 'auto-reply'],
    ['auto-reply-to-return-path', 'auto-reply'],
    ['read-receipt', 'auto-reply'],
    ['list-mail', 'list'],
    ['notification-jira', 'list'],
    ['notification-no-reply', 'system'],
    ['complaint-arf', 'system'],
    ['bounce-dsn', 'bounce'],
    ['bounce-text-qmail', 'bounce'],
    ['bounce-text-exim', 'bounce'],
    ['bounce-text-qq-zh', 'bounce'],
    ['auto-submitted-no', 'none'],
    ['subject-auto-alone', 'none'],
    ['calendar-invite', 'none'],
    ['forward-gmail', 'none'],
  ])('%s is %s', async (name, kind) => {
    expect((await readFixture(name)).message.automation).toBe(kind);
  });

  test.each([
    ['Auto-Submitted: auto-replied\r\n', 'auto-reply'],
    ['Auto-Submitted: auto-generated\r\n', 'system'],
    ['Auto-Submitted: auto-notified\r\n', 'system'],
    ['Precedence: auto_reply\r\n', 'auto-reply'],
    ['Precedence: bulk\r\n', 'list'],
    ['Precedence: junk\r\n', 'list'],
    ['X-Autoreply: yes\r\n', 'auto-reply'],
    ['X-Autorespond: yes\r\n', 'auto-reply'],
    ['X-AutoReply-From: a@b.example\r\n', 'auto-reply'],
    ['X-Mail-Autoreply: yes\r\n', 'auto-reply'],
    ['X-MS-Exchange-Inbox-Rules-Loop: a@b.example\r\n', 'auto-reply'],
    ['X-Auto-Response-Suppress: OOF, AutoReply\r\n', 'system'],
    ['X-Loop: helpdesk\r\n', 'system'],
    ['List-Unsubscribe: <mailto:x@y.example>\r\n', 'list'],
    ['Feedback-ID: 1:2:3\r\n', 'list'],
    ['Return-Path: <>\r\n', 'system'],
    ['Precedence: normal\r\n', 'none'],
    ['', 'none'],
  ])('%j alone makes it %s', async (fields, kind) => {
    expect(await automation(mail(fields))).toBe(kind);
  });

  test.each([
    ['noreply@x.example', 'system'],
    ['no-reply@x.example', 'system'],
    ['do-not-reply@x.example', 'system'],
    ['donotreply+7@x.example', 'system'],
    ['bounces+1@x.example', 'system'],
    ['postmaster@x.example', 'system'],
    ['nora.reply@x.example', 'none'],
    ['bouncer@club.example', 'none'],
  ])('from %s it is %s', async (from, kind) => {
    expect(await automation(mail('', from))).toBe(kind);
  });

  test('an empty return path of the envelope counts, a forged field beside a real one does not', async () => {
    const raw = (from: string) =>
      rawOf('Return-Path: <>\r\nFrom: a@mail.example\r\nSubject: Hi\r\n\r\nHello', { from });
    expect(await automation(raw(''))).toBe('system');
    expect(await automation(raw('a@mail.example'))).toBe('none');
  });

  test('the word undelivered from a person is no bounce', async () => {
    expect(await automation(mail('', 'A <a@mail.example>', 'My parcel is undelivered'))).toBe('none');
  });
});
