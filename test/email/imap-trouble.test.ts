import { describe, expect, test } from '@jest/globals';
import { IMAP_TIMING } from '../../channels/email/imap/timing.ts';
import { createRecorder, memoryCursor, sampleMail, until } from './harness.ts';
import { numbers, positionOf, range, useMailbox } from './imap-harness.ts';

const box = useMailbox();

describe('the mailbox poller in trouble', () => {
  test.each(['stop', 'kill'] as const)(
    'the server goes away (%s) amid work and comes back: all mails, once',
    async (how) => {
      await box.deliver(0, 300);
      const recorder = createRecorder();
      recorder.writeMs = 50;
      box.poll({ recorder, timing: { reconnectMs: 50, reconnectMaxMs: 200 } });
      await until('it has begun', () => recorder.kept.length > 0);
      expect(recorder.kept.length).toBeLessThan(300);
      await box.dovecot[how]();
      await box.deliver(300, 300);
      await box.dovecot.start();
      await until('all mails', () => recorder.kept.length === 600);
      expect(numbers(recorder)).toEqual(range(0, 600));
    },
  );

  test('a wrong password raises the alarm, is not hammered, and works again once it is right', async () => {
    await box.dovecot.setPassword(box.user, 'changed');
    const refusedBefore = await box.dovecot.refusedLogins();
    const { recorder, health } = box.poll({
      timing: { refusedMs: 300, refusedMaxMs: 1_000, reconnectMs: 1 },
    });
    await until('three refusals', () => health.length >= 3);
    const [first, second, third] = health;
    expect([first, second, third].every((line) => line!.code === 'credentials_rejected')).toBe(true);
    // At least half of the wait, which doubles.
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(150);
    expect(third!.at - second!.at).toBeGreaterThanOrEqual(300);
    expect((await box.dovecot.refusedLogins()) - refusedBefore).toBeLessThanOrEqual(4);
    await box.deliver(1, 1);
    await box.dovecot.setPassword(box.user, 'secret');
    await until('the mail', () => recorder.kept.length === 1);
    await until('health', () => health.at(-1)?.ok);
  });

  test('by default a wrong password is tried no more often than once in half a minute', () => {
    expect(IMAP_TIMING.refusedMs).toBeGreaterThanOrEqual(60_000);
    expect(IMAP_TIMING.refusedMaxMs).toBeGreaterThanOrEqual(IMAP_TIMING.refusedMs * 10);
  });

  test('a server that cannot be reached is asked less and less often', async () => {
    await box.dovecot.stop();
    try {
      const { health } = box.poll({ timing: { reconnectMs: 50, reconnectMaxMs: 10_000 } });
      await until('five failures', () => health.length >= 5);
      expect(health.every(({ code }) => code === 'connection_failed')).toBe(true);
      expect(health[4]!.at - health[3]!.at).toBeGreaterThan((health[1]!.at - health[0]!.at) * 1.5);
    } finally {
      await box.dovecot.start();
    }
  });

  test('a connection that breaks soon again and again is opened less and less often', async () => {
    const proxy = await box.proxied();
    proxy.cutOn = '+ idling';
    box.poll({ imap: { port: proxy.port }, timing: { reconnectMs: 50, stableAfterMs: 60_000 } });
    await until('five connections', () => proxy.opened.length >= 5);
    const [first, second, , fourth, fifth] = proxy.opened as [number, number, number, number, number];
    expect(fifth - fourth).toBeGreaterThan((second - first) * 1.5);
  });

  test('a connection that has lived is opened again at once', async () => {
    const proxy = await box.proxied();
    proxy.cutOn = '+ idling';
    box.poll({ imap: { port: proxy.port }, timing: { reconnectMs: 50, stableAfterMs: 0 } });
    await until('eight connections', () => proxy.opened.length >= 8);
    const gaps = proxy.opened.slice(1).map((at, i) => at - proxy.opened[i]!);
    // Doubling would have come to 50 * 2 ** 6 ms.
    expect(Math.max(...gaps)).toBeLessThan(1_600);
  });

  test('a half-open connection is noticed, and not taken for an empty mailbox', async () => {
    const proxy = await box.proxied();
    const { health, recorder, cursor } = box.poll({
      imap: { port: proxy.port },
      timing: { pollMs: 200, socketTimeoutMs: 500, reconnectMs: 50 },
    });
    await until('a scan', () => health.some(({ ok }) => ok));
    proxy.frozen = true;
    const scans = health.length;
    await box.deliver(1, 3);
    await until('a new connection', () => proxy.opened.length > 1);
    expect(health.slice(scans + 1).some(({ ok }) => ok)).toBe(false);
    expect((await positionOf(cursor))?.lastUid ?? 0).toBe(0);
    proxy.frozen = false;
    await until('the mail', () => recorder.kept.length === 3);
  });

  test('a mail that ends the connection each time is put aside; those behind it come in', async () => {
    const proxy = await box.proxied();
    proxy.cutOn = 'POISON';
    await box.deliver(1, 2);
    await box.dovecot.deliver(box.user, sampleMail(3, ' POISON'));
    await box.deliver(4, 2);
    const { recorder, cursor } = box.poll({
      imap: { port: proxy.port },
      timing: { pollMs: 100, reconnectMs: 10, reconnectMaxMs: 50, retryMailMs: 1_000 },
    });
    await until('the others', () => recorder.kept.length === 4);
    expect(numbers(recorder)).toEqual([1, 2, 4, 5]);
    await until('it is remembered', async () => (await positionOf(cursor))?.failed.length === 1);
    proxy.cutOn = undefined;
    await until('the last', () => recorder.kept.length === 5);
    await until('nothing is left', async () => (await positionOf(cursor))?.failed.length === 0);
  });

  test('while the store is away the cursor stands still; afterwards everything comes, in order, once', async () => {
    const recorder = createRecorder();
    recorder.storeAway = true;
    const cursor = memoryCursor();
    const { health } = box.poll({ recorder, cursor });
    await box.deliver(1, 40);
    await until('the trouble is told', () => health.some(({ code }) => code === 'store_unavailable'));
    expect(await positionOf(cursor)).toBeUndefined();
    recorder.storeAway = false;
    await until('all mails', () => recorder.kept.length === 40);
    expect(numbers(recorder)).toEqual(range(1, 40));
    await until('health', () => health.at(-1)?.ok);
  });

  test('one mail that cannot be recorded holds up none of the others, and is tried again', async () => {
    const recorder = createRecorder();
    recorder.check = (text) => {
      if (text.includes('Question 3\r')) throw new Error('this one is odd');
    };
    await box.deliver(1, 6);
    const { cursor } = box.poll({ recorder, timing: { pollMs: 100, retryMailMs: 300 } });
    await until('the others', () => recorder.kept.length === 5);
    expect(numbers(recorder)).toEqual([1, 2, 4, 5, 6]);
    await until('it is remembered', async () => (await positionOf(cursor))?.failed.length === 1);
    recorder.check = undefined;
    await until('the sixth', () => recorder.kept.length === 6);
    await until('nothing is left', async () => (await positionOf(cursor))?.failed.length === 0);
  });
});
