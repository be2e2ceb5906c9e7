import { once } from 'node:events';
import http from 'node:http';
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { openGateway } from './open-gateway.ts';

/** The keep-alive of 72 s and the 60 s for a first request would show. */
const CLOSED_WITHIN_MS = 5_000;

test('closing waits neither for connections that ask nothing nor for one whose last answer is just going out', async () => {
  const gateway = await openGateway();
  const url = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
  const silent = connect(Number(new URL(url).port), '127.0.0.1');
  silent.on('error', () => {});
  await once(silent, 'connect');
  const agent = new http.Agent({ keepAlive: true });
  const asked = http.get(`${url}/readyz`, { agent });
  await once(gateway.app.server, 'request');
  const since = performance.now();
  const closed = gateway.close();
  const [answer] = (await once(asked, 'response')) as [http.IncomingMessage];
  expect(answer.statusCode).toBe(200);
  answer.resume();
  await closed;
  expect(performance.now() - since).toBeLessThan(CLOSED_WITHIN_MS);
  silent.destroy();
  agent.destroy();
});
