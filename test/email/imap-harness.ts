/** A mailbox on a real Dovecot for each test, and pollers that end with it. */
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { type EmailConfig, emailConfigSchema, type ImapConfig } from '../../channels/email/config.ts';
import type { FolderPosition } from '../../channels/email/imap/position.ts';
import { createImapSource } from '../../channels/email/imap/source.ts';
import { IMAP_TIMING, type ImapTiming } from '../../channels/email/imap/timing.ts';
import type { ChannelDeps } from '../../src/contract/index.ts';
import { type Dovecot, startDovecot } from '../support/dovecot.ts';
import { startProxy } from '../support/proxy.ts';
import { createDeps, createRecorder, memoryCursor, sampleMail } from './harness.ts';

interface Given {
  imap?: Record<string, unknown>;
  timing?: Partial<ImapTiming>;
  cursor?: ChannelDeps['cursor'];
  recorder?: ReturnType<typeof createRecorder>;
}

/** Call it once at the top of a test file. */
export function useMailbox() {
  let users = 0;
  const running: (() => Promise<void>)[] = [];
  const box = {
    dovecot: undefined as unknown as Dovecot,
    user: '',

    poll({ imap, timing, cursor = memoryCursor(), recorder = createRecorder() }: Given = {}) {
      const config = emailConfigSchema.parse({
        address: 'support@desk.example',
        imap: {
          host: '127.0.0.1',
          port: box.dovecot.port,
          secure: false,
          user: box.user,
          pass: 'secret',
          ...imap,
        },
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
    },

    /** Mails numbered from `from` on. */
    async deliver(from: number, count: number, folder?: string) {
      for (let i = from; i < from + count; i++)
        await box.dovecot.deliver(box.user, sampleMail(i), { folder });
    },

    /** The way to the server, for a test to break. */
    async proxied() {
      const proxy = await startProxy(box.dovecot.port);
      running.push(() => proxy.close());
      return proxy;
    },
  };

  beforeAll(async () => {
    box.dovecot = await startDovecot({});
  });
  afterAll(async () => {
    await box.dovecot.dispose();
  });
  beforeEach(async () => {
    box.user = `box${users++}`;
    await box.dovecot.setPassword(box.user, 'secret');
  });
  afterEach(async () => {
    for (const stop of running.splice(0)) await stop();
  });
  return box;
}

export const numbers = ({ kept }: ReturnType<typeof createRecorder>): number[] =>
  kept.map(({ text }) => Number(/^Subject: Question (\d+)/m.exec(text)![1]));

export const range = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i);

export const positionOf = (cursor: ChannelDeps['cursor'], folder = 'INBOX') =>
  cursor.get<FolderPosition>(`imap:${folder}`);
