import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, connect } from './http-client.ts';

export const ACCOUNT_SID = `AC${'0123456789abcdef'.repeat(2)}`;
export const AUTH_TOKEN = 'a-token-for-the-bench-12345';
const OUR_NUMBER = '+15005550006';

export interface Prepared {
  sid: string;
  request: Buffer;
}

/** No customer writes twice: each message is somebody's first. */
let customers = 0;

/** Signed webhooks of as many different customers, made before the clock starts. */
export function prepareSms(count: number, port: number, publicUrl: string, hook: string): Prepared[] {
  const run = randomBytes(4).toString('hex');
  return Array.from({ length: count }, (_, i) => {
    const sid = `SM${run}${i.toString(16).padStart(24, '0')}`;
    const params: Record<string, string> = {
      AccountSid: ACCOUNT_SID,
      ApiVersion: '2010-04-01',
      Body: `Payment ${i} of Rp 250.000 failed but my balance went down. Please check, order INV-${i}-${run}.`,
      From: `+62${8_120_000_000 + customers++}`,
      FromCountry: 'ID',
      MessageSid: sid,
      NumMedia: '0',
      NumSegments: '1',
      SmsMessageSid: sid,
      SmsSid: sid,
      SmsStatus: 'received',
      To: OUR_NUMBER,
      ToCountry: 'US',
    };
    const signed =
      publicUrl +
      hook +
      Object.keys(params)
        .sort()
        .map((name) => name + params[name])
        .join('');
    const signature = createHmac('sha1', AUTH_TOKEN).update(signed).digest('base64');
    const body = new URLSearchParams(params).toString();
    const head = [
      `POST ${hook} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Content-Type: application/x-www-form-urlencoded; charset=utf-8',
      `X-Twilio-Signature: ${signature}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return { sid, request: Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`) };
  });
}

export interface Sent {
  sid: string;
  /** When it was to be sent (open loop) or was sent (closed loop), and when its answer came. Milliseconds. */
  scheduledAt: number;
  answeredAt: number;
  status: number;
}

const timed = async (
  connection: Connection,
  { sid, request }: Prepared,
  scheduledAt: number,
): Promise<Sent> => {
  const status = await connection.send(request);
  return { sid, scheduledAt, answeredAt: performance.now(), status };
};

/** Each of `connections` sends its next request when the last one is answered. */
export async function closedLoop(port: number, prepared: Prepared[], connections: number): Promise<Sent[]> {
  const pool = await Promise.all(Array.from({ length: connections }, () => connect(port)));
  const sent: Sent[] = [];
  let next = 0;
  await Promise.all(
    pool.map(async (connection) => {
      while (next < prepared.length) sent.push(await timed(connection, prepared[next++]!, performance.now()));
      connection.close();
    }),
  );
  return sent;
}

const OPEN_CONNECTIONS_MAX = 400;

/** Sends at a fixed rate whatever the server does; latency counts from when it was due, so a stall is not forgotten. */
export async function openLoop(port: number, prepared: Prepared[], perSecond: number): Promise<Sent[]> {
  const idle: Connection[] = [];
  const all: Connection[] = [];
  const queue: { item: Prepared; due: number }[] = [];
  const running: Promise<void>[] = [];
  const sent: Sent[] = [];
  const start = performance.now();

  const drain = async (connection: Connection) => {
    for (let job = queue.shift(); job; job = queue.shift())
      sent.push(await timed(connection, job.item, job.due));
    idle.push(connection);
  };
  for (let i = 0; i < prepared.length; ) {
    const due = Math.min(prepared.length, Math.floor(((performance.now() - start) / 1000) * perSecond) + 1);
    for (; i < due; i++) queue.push({ item: prepared[i]!, due: start + (i / perSecond) * 1000 });
    for (let n = queue.length; n > 0; n--) {
      let connection = idle.pop();
      while (connection && !connection.isOpen()) connection = idle.pop();
      if (!connection && all.length < OPEN_CONNECTIONS_MAX) {
        connection = await connect(port);
        all.push(connection);
      }
      if (!connection) break;
      running.push(drain(connection));
    }
    await delay(1);
  }
  await Promise.all(running);
  for (const connection of all) connection.close();
  return sent;
}

export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
