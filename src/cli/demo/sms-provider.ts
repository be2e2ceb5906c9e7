import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { signForm } from '../../../channels/sms/sign.ts';
import { ACCOUNT_SID, AUTH_TOKEN, type FarSide } from './far-side.ts';

const ROOT = `/2010-04-01/Accounts/${ACCOUNT_SID}`;
/** About what a phone takes to answer. */
const STATUS_PAUSE_MS = 700;
const STATUSES = ['sent', 'delivered'];
/** The picture of every sample MMS: one grey pixel. */
const PICTURE = Buffer.from('R0lGODlhAQABAIAAAMLCwgAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');

/**
 * As much of Twilio's API as an answer needs: takes messages, shows them, and reports them sent and delivered to
 * their status callbacks, signed. `reroute` turns the public address of a callback into one that is reached here.
 */
export async function startSmsProvider(
  show: (line: string) => void,
  reroute: (url: string) => string,
): Promise<FarSide> {
  const ended = new AbortController();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await text(request));
    const path = (request.url ?? '').split('?', 1)[0]!;
    if (path === `${ROOT}.json`)
      return json(response, 200, { sid: ACCOUNT_SID, friendly_name: 'Demo account', status: 'active' });
    if (path.includes('/Media/')) {
      response.writeHead(200, { 'content-type': 'image/gif' }).end(PICTURE);
      return;
    }
    if (path !== `${ROOT}/Messages.json`)
      return json(response, 404, { status: 404, code: 20404, message: 'Not here' });
    if (request.method !== 'POST')
      return json(response, 200, { messages: [], page: 0, page_size: 50, next_page_uri: null });
    const sid = `SM${randomBytes(16).toString('hex')}`;
    show(`SMS would go to ${form.get('To')}: ${form.get('Body')}`);
    json(response, 201, {
      sid,
      account_sid: ACCOUNT_SID,
      status: 'queued',
      to: form.get('To'),
      from: form.get('From'),
      body: form.get('Body'),
      error_code: null,
    });
    await reportDelivery(sid, form);
  }

  async function reportDelivery(sid: string, form: URLSearchParams): Promise<void> {
    const callback = form.get('StatusCallback');
    if (!callback) return;
    for (const status of STATUSES) {
      await delay(STATUS_PAUSE_MS, undefined, { signal: ended.signal });
      const { headers, body } = signForm(AUTH_TOKEN, callback, {
        AccountSid: ACCOUNT_SID,
        From: form.get('From') ?? '',
        To: form.get('To') ?? '',
        MessageSid: sid,
        SmsSid: sid,
        MessageStatus: status,
        SmsStatus: status,
      });
      const answer = await fetch(reroute(callback), { method: 'POST', headers, body, signal: ended.signal });
      await answer.body?.cancel();
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      ended.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
