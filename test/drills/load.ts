/** Steady traffic that does not care how it is answered: what it was told is written down. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, deliverMail, postSms } from './clients.ts';
import { mailOf, phoneOf } from './crowd.ts';
import { type Drill, NUMBER } from './drill.ts';

const SMS_PER_SECOND = 50;
/** One mail for so many SMS. */
const SMS_PER_MAIL = 10;
/** Numbers that write again and again. */
const WRITERS = 100;
/** A mail server comes back after this. */
const MAIL_REPEAT_MS = 1_000;
const SECOND_MS = 1_000;

export interface Told extends Answer {
  mark: string;
  kind: 'sms' | 'mail';
  /** When it was asked, by performance.now(). */
  at: number;
}

export interface Load {
  /** Every answer so far. A webhook is posted once, whatever the answer, as Twilio does; a mail until it is taken. */
  told: Told[];
  /** Marks of everything that was sent. */
  marks: Set<string>;
  /** Sends nothing new, and waits until every webhook is answered and every mail taken. */
  stop(): Promise<void>;
}

/** `name` sets its marks apart from those of another load. */
export function startLoad(drill: Drill, name: string): Load {
  const told: Told[] = [];
  const marks = new Set<string>();
  const underWay = new Set<Promise<void>>();
  const startedAt = performance.now();
  let sent = 0;
  let ended = false;

  async function post(mark: string, index: number): Promise<void> {
    const { signedFor } = drill.twilio.receive({
      from: phoneOf(index % WRITERS),
      to: NUMBER,
      body: `It is ${mark}.`,
    });
    const at = performance.now();
    const answer = await postSms(drill.ports[index % drill.ports.length]!, signedFor(drill.hookUrl));
    told.push({ ...answer, mark, kind: 'sms', at });
  }

  async function deliver(mark: string): Promise<void> {
    const from = `${mark}@customer.example`;
    const raw = mailOf(mark, 0, from, `It is ${mark}.`);
    for (;;) {
      const at = performance.now();
      const answer = await deliverMail(drill.smtpPort, from, raw);
      told.push({ ...answer, mark, kind: 'mail', at });
      if (answer.status === 250) return;
      await delay(MAIL_REPEAT_MS);
    }
  }

  const begin = (kind: Told['kind']) => {
    const mark = `mark-${name}-${kind}-${sent}`;
    marks.add(mark);
    const work = kind === 'sms' ? post(mark, sent) : deliver(mark);
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  };
  // By the clock, not by the answers: an outage must not slow the senders down.
  const ticking = (async () => {
    while (!ended) {
      const due = ((performance.now() - startedAt) / SECOND_MS) * SMS_PER_SECOND;
      for (; sent < due; sent++) {
        begin('sms');
        if (sent % SMS_PER_MAIL === 0) begin('mail');
      }
      await delay(SECOND_MS / SMS_PER_SECOND);
    }
  })();

  return {
    told,
    marks,
    async stop() {
      ended = true;
      await ticking;
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
