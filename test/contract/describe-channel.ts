/**
 * What every channel promises, whatever it carries (src/contract). A channel's own test calls this with its fixtures;
 * facets that a channel does not have are left out.
 */

import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import {
  type Channel,
  type ChannelDeps,
  ChannelError,
  type ChannelType,
  type Envelope,
  INBOX_ID_PATTERN,
  type InboundEvent,
  inboundEventSchema,
  type OutboundMessage,
  type RawInbound,
} from '../../src/contract/index.ts';
import { channelDeps, HOOK_URL } from './channel-deps.ts';
import { describeWebhook, type WebhookFixtures } from './describe-webhook.ts';

/** Far below any timeout of ours, yet enough for a busy machine. */
const ABORT_PROMPT_MS = 2_000;
const DISPOSITIONS = ['permanent', 'transient', 'limited', 'unknown'];

export interface DeliverySample {
  name: string;
  envelope: Envelope;
  body: Buffer;
  /** The types of the events that it makes, in order. */
  events: InboundEvent['type'][];
}

export interface ChannelFixtures {
  /** Holds every secret that the channel knows of. */
  config: Record<string, unknown>;
  invalidConfigs: { name: string; config: Record<string, unknown> }[];
  webhook?: WebhookFixtures;
  deliveries: DeliverySample[];
  /** Bytes of which nobody can make anything: the record is quarantined with this code. */
  unreadable?: { name: string; envelope: Envelope; body: Buffer; code: string }[];
  errors?: { documented: readonly string[]; classify(code: string): ChannelError };
  /** A far side that takes the request and never answers. `reached` settles once it has it. */
  hangingSend?: () => Promise<{
    config: Record<string, unknown>;
    deps?: Partial<ChannelDeps>;
    message: OutboundMessage;
    reached: Promise<unknown>;
    close(): Promise<void>;
  }>;
}

export function describeChannel<C>(type: ChannelType<C>, fixtures: ChannelFixtures): void {
  const config = type.configSchema.parse(fixtures.config);
  const open = (overrides?: Partial<ChannelDeps>): Channel => type.open(config, channelDeps(overrides).deps);

  describe(`${type.kind}: the type`, () => {
    test('capabilities are frozen all the way down, so no request can change them for the next', () => {
      expectFrozen(type.capabilities);
    });

    test('each named secret is a field of the config, so none is stored in the clear by a misspelling', () => {
      const schema = z.toJSONSchema(type.configSchema, { io: 'input', unrepresentable: 'any' });
      for (const secret of type.secrets) expect([secret, hasField(schema, secret)]).toEqual([secret, true]);
    });

    test.each(fixtures.invalidConfigs)('a config is refused with a field and words: $name', ({ config }) => {
      const parsed = type.configSchema.safeParse(config);
      expect(parsed.success).toBe(false);
      for (const issue of parsed.error?.issues ?? []) expect(issue.message.length).toBeGreaterThan(5);
    });

    test('open() touches nothing: no network, no store, no clock', () => {
      const { deps, used } = channelDeps();
      type.open(config, deps);
      expect(used).toEqual([]);
    });

    test('close() twice is harmless, also when nothing was ever opened', async () => {
      const channel = open();
      await channel.close();
      await channel.close();
    });

    test('setup tells the operator what to do, without a secret', () => {
      const secrets = type.secrets.map((path) => valueAt(fixtures.config, path)).filter(Boolean);
      for (const line of type.setup?.(config, HOOK_URL) ?? []) {
        expect(line.length).toBeGreaterThan(10);
        for (const secret of secrets) expect(line).not.toContain(secret);
      }
      expect(INBOX_ID_PATTERN.test(channelDeps().deps.inbox)).toBe(true);
    });
  });

  if (fixtures.webhook) describeWebhook(type, config, fixtures.webhook);

  const { unreadable, errors, hangingSend } = fixtures;
  describe(`${type.kind}: normalise`, () => {
    test.each(fixtures.deliveries)('reads $name, twice the same, true to the schema', async (sample) => {
      const first = await eventsOf(open(), sample);
      const second = await eventsOf(open(), sample);
      expect(first.map((event) => event.type)).toEqual(sample.events);
      expect(second).toEqual(first);
      for (const event of first) expect(inboundEventSchema.parse(event)).toEqual(event);
    });

    test.each(fixtures.deliveries)('reads $name the same from a stream as from memory', async (sample) => {
      const streamed = await open().normalise(rawOf(sample, { inMemory: false }));
      expect(streamed.events).toEqual(await eventsOf(open(), sample));
    });

    if (unreadable)
      test.each(unreadable)('quarantines $name with a code', async (sample) => {
        await expect(open().normalise(rawOf(sample))).rejects.toMatchObject({
          name: 'ChannelError',
          code: sample.code,
        });
      });

    test('damaged deliveries never throw anything but a ChannelError, and never break the schema', async () => {
      const channel = open();
      const damaged = fc
        .record({
          sample: fc.constantFrom(...fixtures.deliveries),
          at: fc.nat(),
          bytes: fc.uint8Array({ maxLength: 24 }),
          cut: fc.nat({ max: 40 }),
        })
        .map(({ sample, at, bytes, cut }) => ({ ...sample, body: damage(sample.body, at, bytes, cut) }));
      await fc.assert(
        fc.asyncProperty(damaged, async (sample) => {
          let events: InboundEvent[];
          try {
            events = await eventsOf(channel, sample);
          } catch (error) {
            expect(error).toBeInstanceOf(ChannelError);
            return;
          }
          expect(events.length).toBeGreaterThan(0);
          for (const event of events) inboundEventSchema.parse(event);
        }),
        { numRuns: 200 },
      );
    });
  });

  if (errors)
    describe(`${type.kind}: errors`, () => {
      test.each(errors.documented.map((code) => ({ code })))(
        'code $code has a disposition and words',
        ({ code }) => {
          const error = errors.classify(code);
          expect(error).toBeInstanceOf(ChannelError);
          expect(DISPOSITIONS).toContain(error.disposition);
          expect(error.code).not.toBe('');
          expect(error.message.length).toBeGreaterThan(10);
          expect(error.providerCode).toContain(code);
        },
      );
    });

  if (hangingSend)
    describe(`${type.kind}: send`, () => {
      test('an abort is prompt, and a message that had left counts as unknown, not as unsent', async () => {
        const far = await hangingSend();
        const channel = type.open(type.configSchema.parse(far.config), channelDeps(far.deps).deps);
        try {
          const abort = new AbortController();
          const sending = channel.send!(far.message, abort.signal).then(
            () => new Error('It was sent.'),
            (error: unknown) => error,
          );
          await far.reached;
          const aborted = performance.now();
          abort.abort();
          const error = await sending;
          expect(performance.now() - aborted).toBeLessThan(ABORT_PROMPT_MS);
          expect(error).toBeInstanceOf(ChannelError);
          expect(error).toMatchObject({ disposition: 'unknown' });
        } finally {
          await channel.close();
          await far.close();
        }
      });

      test('a call that is aborted before it begins sends nothing', async () => {
        const far = await hangingSend();
        const channel = type.open(type.configSchema.parse(far.config), channelDeps(far.deps).deps);
        await expect(channel.send!(far.message, AbortSignal.abort())).rejects.toMatchObject({
          name: 'ChannelError',
          code: 'aborted',
          disposition: 'transient',
        });
        await channel.close();
        await far.close();
      });
    });
}

export function rawOf(
  sample: { envelope: Envelope; body: Buffer },
  { inMemory = true }: { inMemory?: boolean } = {},
): RawInbound {
  const { envelope, body } = sample;
  return {
    id: '65f0000000000000000000aa' as RawInbound['id'],
    inbox: 'line-1' as RawInbound['inbox'],
    envelope,
    body: {
      size: body.length,
      ...(inMemory ? { bytes: body } : {}),
      open: () => Readable.from(body.length > 0 ? [body] : [], { objectMode: false }),
    },
    receivedAt: new Date('2026-11-24T10:00:00Z'),
  };
}

async function eventsOf(
  channel: Channel,
  sample: { envelope: Envelope; body: Buffer },
): Promise<InboundEvent[]> {
  return (await channel.normalise(rawOf(sample))).events;
}

function damage(body: Buffer, at: number, bytes: Uint8Array, cut: number): Buffer {
  const start = body.length === 0 ? 0 : at % body.length;
  return Buffer.concat([body.subarray(0, start), Buffer.from(bytes), body.subarray(start + cut)]);
}

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  expect(Object.isFrozen(value)).toBe(true);
  for (const inner of Object.values(value)) expectFrozen(inner);
}

function valueAt(config: unknown, path: string): string | undefined {
  let value = config;
  for (const name of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}

/** Whether "imap.pass" leads somewhere in a JSON Schema, through unions and intersections too. */
function hasField(schema: unknown, path: string): boolean {
  if (path === '') return true;
  const node = schema as {
    properties?: Record<string, unknown>;
    anyOf?: unknown[];
    oneOf?: unknown[];
    allOf?: unknown[];
  };
  const [name = '', ...rest] = path.split('.');
  const here = node?.properties?.[name];
  if (here !== undefined && hasField(here, rest.join('.'))) return true;
  return [...(node?.anyOf ?? []), ...(node?.oneOf ?? []), ...(node?.allOf ?? [])].some((one) =>
    hasField(one, path),
  );
}
