/** What every webhook promises: only what is genuine gets in, whatever a stranger or a proxy does to it. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Channel, ChannelDeps, ChannelType, HttpEnvelope } from '../../src/contract/index.ts';
import { channelDeps, HOOK_URL } from './channel-deps.ts';

const FLIPS = 64;

export interface WebhookSample {
  name: string;
  request: HttpEnvelope;
  body: Buffer;
}

export interface WebhookFixtures {
  /** Genuine for HOOK_URL and the config of the fixtures. */
  genuine: WebhookSample[];
  /** The header that proves it, lower-case. */
  proof: string;
  /** What the proof covers by the provider's own description: Twilio's the URL and the body, Meta's and LINE's the body. */
  covers: readonly ('url' | 'body')[];
  /** The config without what the check needs, as if the schema had let it pass. */
  withoutSecret: Record<string, unknown>;
}

export function describeWebhook<C>(
  type: ChannelType<C>,
  config: C,
  { genuine, proof, covers, withoutSecret }: WebhookFixtures,
): void {
  const webhookOf = (settings: C, overrides?: Partial<ChannelDeps>) =>
    type.open(settings, channelDeps(overrides).deps).webhook!;

  describe(`${type.kind}: verify`, () => {
    test.each(genuine)('takes $name, whatever Host the proxy left', ({ request, body }) => {
      const webhook = webhookOf(config);
      const verdict = webhook.verify(request, body);
      expect(verdict.ok).toBe(true);
      const proxied = {
        ...request,
        headers: { ...request.headers, host: 'inner:3000', 'x-forwarded-proto': 'http' },
      };
      expect(webhook.verify(proxied, body)).toEqual(verdict);
      expect(body.length).toBeLessThan(webhook.maxBodyBytes);
    });

    if (covers.includes('body'))
      test.each(genuine)('refuses $name with any byte of the body changed', ({ request, body }) => {
        const webhook = webhookOf(config);
        for (const at of sampled(body.length)) {
          const flipped = Buffer.from(body);
          flipped[at]! ^= 1;
          expectRefused(webhook.verify(request, flipped));
        }
        expectRefused(webhook.verify(request, Buffer.concat([body, Buffer.from('&x=1')])));
        if (body.length > 0) expectRefused(webhook.verify(request, body.subarray(0, body.length - 1)));
      });

    test.each(genuine)(
      'refuses $name with any character of its proof changed, or without it',
      ({ request, body }) => {
        const webhook = webhookOf(config);
        const value = request.headers[proof]!;
        const withProof = (changed: string) => ({
          ...request,
          headers: { ...request.headers, [proof]: changed },
        });
        for (const at of sampled(value.length)) {
          const changed = String.fromCharCode(value.charCodeAt(at) ^ 1);
          expectRefused(webhook.verify(withProof(value.slice(0, at) + changed + value.slice(at + 1)), body));
        }
        for (const changed of ['', ' ', `${value}A`, value.slice(1)])
          expectRefused(webhook.verify(withProof(changed), body));
        const { [proof]: _, ...headers } = request.headers;
        expectRefused(webhook.verify({ ...request, headers }, body));
      },
    );

    if (covers.includes('url'))
      test.each(genuine)('refuses $name at another address or with another query', ({ request, body }) => {
        expectRefused(webhookOf(config, { hookUrl: `${HOOK_URL}-2` }).verify(request, body));
        expectRefused(
          webhookOf(config, { hookUrl: HOOK_URL.replace('desk.', 'disk.') }).verify(request, body),
        );
        const query = `${request.path}${request.path.includes('?') ? '&' : '?'}extra=1`;
        expectRefused(webhookOf(config).verify({ ...request, path: query }, body));
      });

    test.each(genuine)(
      'refuses $name where the inbox has no secret to check it with',
      ({ request, body }) => {
        expectRefused(webhookOf(withoutSecret as C).verify(request, body));
      },
    );

    test('refuses whatever a stranger sends, and never throws', () => {
      const webhook = webhookOf(config);
      const stranger = fc.record({
        method: fc.constantFrom('POST', 'GET', 'PUT', 'post', ''),
        query: fc.string({ maxLength: 60, unit: 'binary' }),
        type: fc.constantFrom(
          '',
          'application/json',
          'application/x-www-form-urlencoded',
          'multipart/form-data',
          'x',
        ),
        proof: fc.oneof(fc.string({ maxLength: 40 }), fc.base64String({ minLength: 28, maxLength: 28 })),
        body: fc.uint8Array({ maxLength: 300 }),
      });
      fc.assert(
        fc.property(stranger, ({ method, query, type: contentType, proof: value, body }) => {
          const path = `/hooks/line-1${query && `?${query}`}`;
          const headers = { 'content-type': contentType, [proof]: value };
          expectRefused(webhook.verify({ via: 'http', method, path, headers }, Buffer.from(body)));
        }),
        { numRuns: 500 },
      );
    });
  });
}

function expectRefused(verdict: ReturnType<NonNullable<Channel['webhook']>['verify']>): void {
  expect(verdict).toMatchObject({ ok: false, code: expect.any(String), reason: expect.any(String) });
  expect(verdict.ok === false && verdict.status >= 400 && verdict.status < 500).toBe(true);
}

/** At most FLIPS positions, spread evenly, first and last among them. */
function sampled(length: number): number[] {
  if (length <= FLIPS) return Array.from({ length }, (_, at) => at);
  return Array.from({ length: FLIPS }, (_, n) => Math.round((n * (length - 1)) / (FLIPS - 1)));
}
