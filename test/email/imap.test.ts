import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type EmailConfig, emailConfigSchema, type ImapConfig } from '../../channels/email/config.ts';
import { createImapSource } from '../../channels/email/imap/source.ts';
import { IMAP_TIMING, type ImapTiming } from '../../channels/email/imap/timing.ts';
import type { ChannelDeps } from '../../src/contract/index.ts';
import { type Dovecot, startDovecot } from '../support/dovecot.ts';
import { startProxy } from '../support/proxy.ts';
import { createDeps, createRecorder, memoryCursor, sampleMail, until } from './harness.ts';

let dovecot: Dovecot;
let user: string;
let users = 0;
const running: (() => Promise<void>)[] = [];

beforeAll(async () => {
  dovecot = await startDovecot({});
});
afterAll(async () => {
  await dovecot.dispose();
});
beforeEach(async () => {
  user = `box${users++}`;
  await dovecot.setPassword(user, 'secret');
});
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

interface Given {
  imap?: Record<string, unknown>;
  timing?: Partial<ImapTiming>;
  cursor?: ChannelDeps['cursor'];
  recorder?: ReturnType<typeof createRecorder>;
}

function poll({ imap, timing, cursor = memoryCursor(), recorder = createRecorder() }: Given = {}) {
  const config = emailConfigSchema.parse({
    address: 'support@desk.example',
    imap: { host: '127.0.0.1', port: dovecot.port, secure: false, user, pass: 'secret', ...imap },
  }) as EmailConfig & { imap: ImapConfig };
  const { deps, health } = createDeps({ cursor });
  const source = createImapSource(config, deps, { ...IMAP_TIMING, ...timing });
  const abort = new AbortController();
  const done = source.run(recorder.record, abort.signal);
  const stop = async () => {
    abort.abort();
    await done;
  };
  running.push(stop);
  return { recorder, health, cursor, stop };
}

async function deliver(from: number, count: number, folder?: string) {
  for (let i = from; i < from + count; i++) await dovecot.deliver(user, sampleMail(i), { folder });
}

async function proxied() {
  const proxy = await startProxy(dovecot.port);
  running.push(() => proxy.close());
  return proxy;
}

const numbers = ({ kept }: ReturnType<typeof createRecorder>) =>
  kept.map(({ text }) => Number(/^Subject: Question (\d+)/m.exec(text)![1]));
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe('the mailbox poller', () => {
  test('mail that arrives while it idles comes at once, not with the next poll', async () => {
    const { recorder, health } = poll();
    await until('the first scan', () => health.some(({ ok }) => ok));
    // Let IDLE begin, so that the mail arrives during it and not just before.
    await until('IDLE runs', async () => (await dovecot.processTitles()).includes('IDLE'));
    await deliver(1, 1);
    const delivered = performance.now();
    await until('the mail', () => recorder.kept.length === 1);
    expect(performance.now() - delivered).toBeLessThan(IMAP_TIMING.pollMs / 3);
    await deliver(2, 3);
    await until('more mail', () => recorder.kept.length === 4);
    expect(numbers(recorder)).toEqual([1, 2, 3, 4]);
  });

  test('2,000 mails waiting after an outage come oldest first, and the cursor moves in strides', async () => {
    await deliver(0, 2000);
    const cursor = memoryCursor();
    const { recorder } = poll({ cursor });
    await until('all mails', () => recorder.kept.length === 2000);
    expect(numbers(recorder)).toEqual(range(0, 2000));
    await until('the cursor is at the end', async () => (await position(cursor))?.lastUid === 2000);
    expect(cursor.writes).toBeLessThan(20);
  });

  test('the arrival says where the mail lay and when the server took it in', async () => {
    const at = new Date('2026-03-01T08:30:00Z');
    await dovecot.deliver(user, sampleMail(1), { at });
    const { recorder } = poll();
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
    await deliver(1, 3);
    const quiet = poll();
    await until('all mails', () => quiet.recorder.kept.length === 3);
    await quiet.stop();
    expect(await dovecot.flags(user)).toEqual([[], [], []]);
    const marking = poll({ imap: { markSeen: true } });
    await until('all mails again', () => marking.recorder.kept.length === 3);
    await until('flags', async () => (await dovecot.flags(user)).every((flags) => flags.includes('\\Seen')));
  });

  test('after a restart of ours nothing is fetched twice, and `n:*` brings no old mail', async () => {
    await deliver(1, 5);
    const first = poll();
    await until('all mails', async () => (await position(first.cursor))?.lastUid === 5);
    await first.stop();
    const second = poll({ cursor: first.cursor });
    await until('a scan', () => second.health.some(({ ok }) => ok));
    await deliver(6, 1);
    await until('the new mail', () => second.recorder.kept.length > 0);
    expect(numbers(second.recorder)).toEqual([6]);
    expect(second.recorder.attempts).toBe(1);
  });

  test('UIDVALIDITY changed: everything is read again, the content key tells what is new', async () => {
    await deliver(1, 5);
    const { recorder, cursor, health } = poll();
    await until('all mails', async () => (await position(cursor))?.lastUid === 5);
    const before = await position(cursor);
    await dovecot.stop();
    await dovecot.resetUidValidity(user);
    await deliver(6, 2);
    await dovecot.start();
    await until('the new mails', () => recorder.kept.length === 7);
    expect(numbers(recorder)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(recorder.duplicates).toBe(5);
    expect((await position(cursor))?.uidValidity).not.toBe(before?.uidValidity);
    expect(health.at(-1)!.ok).toBe(true);
  });

  test('a deleted folder is told and leaves the others alone; it is read again once it is back', async () => {
    await dovecot.createFolder(user, 'Sales');
    await deliver(1, 1, 'Sales');
    const { recorder, health } = poll({
      imap: { folders: ['INBOX', 'Sales'] },
      timing: { pollMs: 200, reconnectMs: 50 },
    });
    await until('the mail of the second folder', () => recorder.kept.length === 1);
    await dovecot.deleteFolder(user, 'Sales');
    await until('the trouble is told', () => health.at(-1)?.code === 'folder_missing');
    expect(health.at(-1)!.message).toContain('Sales');
    await deliver(2, 1);
    await until('mail of the first folder', () => recorder.kept.length === 2);
    await dovecot.createFolder(user, 'Sales');
    await deliver(3, 1, 'Sales');
    await until('mail of the folder that is back', () => recorder.kept.length === 3);
    await until('health', () => health.at(-1)?.ok);
    expect(numbers(recorder)).toEqual([1, 2, 3]);
  });

  test('the first folder may be missing too, without a busy loop', async () => {
    const { recorder, health } = poll({
      imap: { folders: ['Nowhere', 'INBOX'] },
      timing: { pollMs: 200 },
    });
    await deliver(1, 1);
    await until('mail of the other folder', () => recorder.kept.length === 1);
    await until('three polls', () => health.filter(({ code }) => code === 'folder_missing').length >= 3);
    const [first, , third] = health.filter(({ code }) => code === 'folder_missing');
    expect(third!.at - first!.at).toBeGreaterThan(300);
  });

  test.each(['stop', 'kill'] as const)(
    'the server goes away (%s) amid work and comes back: all mails, once',
    async (how) => {
      await deliver(0, 300);
      const recorder = createRecorder();
      recorder.writeMs = 50;
      poll({ recorder, timing: { reconnectMs: 50, reconnectMaxMs: 200 } });
      await until('it has begun', () => recorder.kept.length > 0);
      expect(recorder.kept.length).toBeLessThan(300);
      await dovecot[how]();
      await deliver(300, 300);
      await dovecot.start();
      await until('all mails', () => recorder.kept.length === 600);
      expect(numbers(recorder)).toEqual(range(0, 600));
    },
  );

  test('a wrong password raises the alarm, is not hammered, and works again once it is right', async () => {
    await dovecot.setPassword(user, 'changed');
    const refusedBefore = await dovecot.refusedLogins();
    const { recorder, health } = poll({ timing: { refusedMs: 300, refusedMaxMs: 1_000, reconnectMs: 1 } });
    await until('three refusals', () => health.length >= 3);
    const [first, second, third] = health;
    expect([first, second, third].every((line) => line!.code === 'credentials_rejected')).toBe(true);
    // At least half of the wait, which doubles.
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(150);
    expect(third!.at - second!.at).toBeGreaterThanOrEqual(300);
    expect((await dovecot.refusedLogins()) - refusedBefore).toBeLessThanOrEqual(4);
    await deliver(1, 1);
    await dovecot.setPassword(user, 'secret');
    await until('the mail', () => recorder.kept.length === 1);
    await until('health', () => health.at(-1)?.ok);
  });

  test('by default a wrong password is tried no more often than once in half a minute', () => {
    expect(IMAP_TIMING.refusedMs).toBeGreaterThanOrEqual(60_000);
    expect(IMAP_TIMING.refusedMaxMs).toBeGreaterThanOrEqual(IMAP_TIMING.refusedMs * 10);
  });

  test('a server that cannot be reached is asked less and less often', async () => {
    await dovecot.stop();
    try {
      const { health } = poll({ timing: { reconnectMs: 50, reconnectMaxMs: 10_000 } });
      await until('five failures', () => health.length >= 5);
      expect(health.every(({ code }) => code === 'connection_failed')).toBe(true);
      expect(health[4]!.at - health[3]!.at).toBeGreaterThan((health[1]!.at - health[0]!.at) * 1.5);
    } finally {
      await dovecot.start();
    }
  });

  test('a connection that breaks soon again and again is opened less and less often', async () => {
    const proxy = await proxied();
    proxy.cutOn = '+ idling';
    poll({ imap: { port: proxy.port }, timing: { reconnectMs: 50, stableAfterMs: 60_000 } });
    await until('five connections', () => proxy.opened.length >= 5);
    const [first, second, , fourth, fifth] = proxy.opened as [number, number, number, number, number];
    expect(fifth - fourth).toBeGreaterThan((second - first) * 1.5);
  });

  test('a connection that has lived is opened again at once', async () => {
    const proxy = await proxied();
    proxy.cutOn = '+ idling';
    poll({ imap: { port: proxy.port }, timing: { reconnectMs: 50, stableAfterMs: 0 } });
    await until('eight connections', () => proxy.opened.length >= 8);
    const gaps = proxy.opened.slice(1).map((at, i) => at - proxy.opened[i]!);
    // Doubling would have come to 50 * 2 ** 6 ms.
    expect(Math.max(...gaps)).toBeLessThan(1_600);
  });

  test('a half-open connection is noticed, and not taken for an empty mailbox', async () => {
    const proxy = await proxied();
    const { health, recorder, cursor } = poll({
      imap: { port: proxy.port },
      timing: { pollMs: 200, socketTimeoutMs: 500, reconnectMs: 50 },
    });
    await until('a scan', () => health.some(({ ok }) => ok));
    proxy.frozen = true;
    const scans = health.length;
    await deliver(1, 3);
    await until('a new connection', () => proxy.opened.length > 1);
    expect(health.slice(scans + 1).some(({ ok }) => ok)).toBe(false);
    expect((await position(cursor))?.lastUid ?? 0).toBe(0);
    proxy.frozen = false;
    await until('the mail', () => recorder.kept.length === 3);
  });

  test('a mail that ends the connection each time is put aside; those behind it come in', async () => {
    const proxy = await proxied();
    proxy.cutOn = 'POISON';
    await deliver(1, 2);
    await dovecot.deliver(user, sampleMail(3, ' POISON'));
    await deliver(4, 2);
    const { recorder, cursor } = poll({
      imap: { port: proxy.port },
      timing: { pollMs: 100, reconnectMs: 10, reconnectMaxMs: 50, retryMailMs: 1_000 },
    });
    await until('the others', () => recorder.kept.length === 4);
    expect(numbers(recorder)).toEqual([1, 2, 4, 5]);
    await until('it is remembered', async () => (await position(cursor))?.failed.length === 1);
    proxy.cutOn = undefined;
    await until('the last', () => recorder.kept.length === 5);
    await until('nothing is left', async () => (await position(cursor))?.failed.length === 0);
  });

  test('while the store is away the cursor stands still; afterwards everything comes, in order, once', async () => {
    const recorder = createRecorder();
    recorder.storeAway = true;
    const cursor = memoryCursor();
    const { health } = poll({ recorder, cursor });
    await deliver(1, 40);
    await until('the trouble is told', () => health.some(({ code }) => code === 'store_unavailable'));
    expect(await position(cursor)).toBeUndefined();
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
    await deliver(1, 6);
    const { cursor } = poll({ recorder, timing: { pollMs: 100, retryMailMs: 300 } });
    await until('the others', () => recorder.kept.length === 5);
    expect(numbers(recorder)).toEqual([1, 2, 4, 5, 6]);
    await until('it is remembered', async () => (await position(cursor))?.failed.length === 1);
    recorder.check = undefined;
    await until('the sixth', () => recorder.kept.length === 6);
    await until('nothing is left', async () => (await position(cursor))?.failed.length === 0);
  });

  test('a large mail is streamed, byte for byte, between small ones and in order', async () => {
    const large = sampleMail(2, `\r\n${`${'x'.repeat(70)}\r\n`.repeat(60_000)}`);
    await deliver(1, 1);
    await dovecot.deliver(user, large);
    await deliver(3, 1);
    const { recorder } = poll();
    await until('all mails', () => recorder.kept.length === 3);
    expect(numbers(recorder)).toEqual([1, 2, 3]);
    expect(recorder.kept.map(({ streamed }) => streamed)).toEqual([false, true, false]);
    expect(recorder.kept[1]!.text === large).toBe(true);
  });

  test('`since` leaves out what the server took in before that day', async () => {
    await dovecot.deliver(user, sampleMail(1), { at: new Date('2026-01-05T12:00:00Z') });
    await dovecot.deliver(user, sampleMail(2), { at: new Date('2026-02-05T12:00:00Z') });
    const { recorder } = poll({ imap: { since: '2026-02-01' } });
    await until('the later mail', () => recorder.kept.length > 0);
    expect(numbers(recorder)).toEqual([2]);
  });

  test('an abort settles it promptly, also while it cannot connect', async () => {
    const idle = poll();
    await until('a scan', () => idle.health.some(({ ok }) => ok));
    const waiting = poll({ imap: { port: 1 } });
    await until('a failure', () => waiting.health.length > 0);
    const started = performance.now();
    await Promise.all([idle.stop(), waiting.stop()]);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

async function position(cursor: ChannelDeps['cursor'], folder = 'INBOX') {
  return await cursor.get<{ uidValidity: string; lastUid: number; failed: unknown[] }>(`imap:${folder}`);
}
