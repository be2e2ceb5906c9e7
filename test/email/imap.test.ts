import { describe, expect, test } from '@jest/globals';
import { IMAP_TIMING } from '../../channels/email/imap/timing.ts';
import { memoryCursor, sampleMail, until } from './harness.ts';
import { numbers, positionOf, range, useMailbox } from './imap-harness.ts';

const box = useMailbox();

describe('the mailbox poller', () => {
  test('mail that arrives while it idles comes at once, not with the next poll', async () => {
    const { recorder, health } = box.poll();
    await until('the first scan', () => health.some(({ ok }) => ok));
    // Let IDLE begin, so that the mail arrives during it and not just before.
    await until('IDLE runs', async () => (await box.dovecot.processTitles()).includes('IDLE'));
    await box.deliver(1, 1);
    const delivered = performance.now();
    await until('the mail', () => recorder.kept.length === 1);
    expect(performance.now() - delivered).toBeLessThan(IMAP_TIMING.pollMs / 3);
    await box.deliver(2, 3);
    await until('more mail', () => recorder.kept.length === 4);
    expect(numbers(recorder)).toEqual([1, 2, 3, 4]);
  });

  test('2,000 mails waiting after an outage come oldest first, and the cursor moves in strides', async () => {
    await box.deliver(0, 2000);
    const cursor = memoryCursor();
    const { recorder } = box.poll({ cursor });
    await until('all mails', () => recorder.kept.length === 2000);
    expect(numbers(recorder)).toEqual(range(0, 2000));
    await until('the cursor is at the end', async () => (await positionOf(cursor))?.lastUid === 2000);
    expect(cursor.writes).toBeLessThan(20);
  });

  test('the arrival says where the mail lay and when the server took it in', async () => {
    const at = new Date('2026-03-01T08:30:00Z');
    await box.dovecot.deliver(box.user, sampleMail(1), { at });
    const { recorder } = box.poll();
    await until('the mail', () => recorder.kept.length === 1);
    const [kept] = recorder.kept;
    expect(kept!.text).toBe(sampleMail(1));
    expect(kept!.envelope).toMatchObject({
      via: 'imap',
      to: ['support@desk.example'],
      folder: 'INBOX',
      uid: 1,
    });
    expect(kept!.envelope.uidValidity).toMatch(/^\d+$/);
    expect(kept!.envelope.from).toBeUndefined();
    expect(kept!.receivedAt).toEqual(at);
    expect(kept!.keyWord).toBe('');
  });

  test('flags are left alone, unless markSeen asks for it', async () => {
    await box.deliver(1, 3);
    const quiet = box.poll();
    await until('all mails', () => quiet.recorder.kept.length === 3);
    await quiet.stop();
    expect(await box.dovecot.flags(box.user)).toEqual([[], [], []]);
    const marking = box.poll({ imap: { markSeen: true } });
    await until('all mails again', () => marking.recorder.kept.length === 3);
    await until('flags', async () =>
      (await box.dovecot.flags(box.user)).every((flags) => flags.includes('\\Seen')),
    );
  });

  test('after a restart of ours nothing is fetched twice, and `n:*` brings no old mail', async () => {
    await box.deliver(1, 5);
    const first = box.poll();
    await until('all mails', async () => (await positionOf(first.cursor))?.lastUid === 5);
    await first.stop();
    const second = box.poll({ cursor: first.cursor });
    await until('a scan', () => second.health.some(({ ok }) => ok));
    await box.deliver(6, 1);
    await until('the new mail', () => second.recorder.kept.length > 0);
    expect(numbers(second.recorder)).toEqual([6]);
    expect(second.recorder.attempts).toBe(1);
  });

  test('UIDVALIDITY changed: everything is read again, the content key tells what is new', async () => {
    await box.deliver(1, 5);
    const { recorder, cursor, health } = box.poll();
    await until('all mails', async () => (await positionOf(cursor))?.lastUid === 5);
    const before = await positionOf(cursor);
    await box.dovecot.stop();
    await box.dovecot.resetUidValidity(box.user);
    await box.deliver(6, 2);
    await box.dovecot.start();
    await until('the new mails', () => recorder.kept.length === 7);
    expect(numbers(recorder)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(recorder.duplicates).toBe(5);
    expect((await positionOf(cursor))?.uidValidity).not.toBe(before?.uidValidity);
    expect(health.at(-1)!.ok).toBe(true);
  });

  test('UIDs that go back under the same UIDVALIDITY (a restored backup) lose no mail', async () => {
    await box.deliver(1, 2);
    const first = box.poll();
    await until('all mails', async () => (await positionOf(first.cursor))?.lastUid === 2);
    await first.stop();
    const { uidValidity } = (await positionOf(first.cursor))!;
    await first.cursor.set('imap:INBOX', { uidValidity, lastUid: 900, failed: [] });
    const second = box.poll({ cursor: first.cursor });
    await until('all mails again', () => second.recorder.kept.length === 2);
    expect((await positionOf(first.cursor))?.lastUid).toBeLessThanOrEqual(2);
  });

  test('a deleted folder is told and leaves the others alone; it is read again once it is back', async () => {
    await box.dovecot.createFolder(box.user, 'Sales');
    await box.deliver(1, 1, 'Sales');
    const { recorder, health } = box.poll({
      imap: { folders: ['INBOX', 'Sales'] },
      timing: { pollMs: 200, reconnectMs: 50 },
    });
    await until('the mail of the second folder', () => recorder.kept.length === 1);
    await box.dovecot.deleteFolder(box.user, 'Sales');
    await until('the trouble is told', () => health.at(-1)?.code === 'folder_missing');
    expect(health.at(-1)!.message).toContain('Sales');
    await box.deliver(2, 1);
    await until('mail of the first folder', () => recorder.kept.length === 2);
    await box.dovecot.createFolder(box.user, 'Sales');
    await box.deliver(3, 1, 'Sales');
    await until('mail of the folder that is back', () => recorder.kept.length === 3);
    await until('health', () => health.at(-1)?.ok);
    expect(numbers(recorder)).toEqual([1, 2, 3]);
  });

  test('the first folder may be missing too, without a busy loop', async () => {
    const { recorder, health } = box.poll({
      imap: { folders: ['Nowhere', 'INBOX'] },
      timing: { pollMs: 200 },
    });
    await box.deliver(1, 1);
    await until('mail of the other folder', () => recorder.kept.length === 1);
    await until('three polls', () => health.filter(({ code }) => code === 'folder_missing').length >= 3);
    const [first, , third] = health.filter(({ code }) => code === 'folder_missing');
    expect(third!.at - first!.at).toBeGreaterThan(300);
  });

  test('a large mail is streamed, byte for byte, between small ones and in order', async () => {
    const large = sampleMail(2, `\r\n${`${'x'.repeat(70)}\r\n`.repeat(60_000)}`);
    await box.deliver(1, 1);
    await box.dovecot.deliver(box.user, large);
    await box.deliver(3, 1);
    const { recorder } = box.poll();
    await until('all mails', () => recorder.kept.length === 3);
    expect(numbers(recorder)).toEqual([1, 2, 3]);
    expect(recorder.kept.map(({ streamed }) => streamed)).toEqual([false, true, false]);
    expect(recorder.kept[1]!.text === large).toBe(true);
  });

  test('`since` leaves out what the server took in before that day', async () => {
    await box.dovecot.deliver(box.user, sampleMail(1), { at: new Date('2026-01-05T12:00:00Z') });
    await box.dovecot.deliver(box.user, sampleMail(2), { at: new Date('2026-02-05T12:00:00Z') });
    const { recorder } = box.poll({ imap: { since: '2026-02-01' } });
    await until('the later mail', () => recorder.kept.length > 0);
    expect(numbers(recorder)).toEqual([2]);
  });

  test('an abort settles it promptly, also while it cannot connect', async () => {
    const idle = box.poll();
    await until('a scan', () => idle.health.some(({ ok }) => ok));
    const waiting = box.poll({ imap: { port: 1 } });
    await until('a failure', () => waiting.health.length > 0);
    const started = performance.now();
    await Promise.all([idle.stop(), waiting.stop()]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
