import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bytesOf, fixture, fixtureNames, rawOf, read, streamed } from './read-harness.ts';
import { dice, MUTATIONS } from './read-mutations.ts';

const SEED = 20_260_102;
const MUTATIONS_EACH = 4;

describe('no bytes crash the reading, and none are lost', () => {
  const names = fixtureNames();
  test.each(names)('%s: each mutation gives exactly one message, the same from a stream', async (name) => {
    const original = fixture(name);
    const roll = dice(SEED + names.indexOf(name));
    const kinds = Object.keys(MUTATIONS);
    for (let n = 0; n < MUTATIONS_EACH; n++) {
      const kind = kinds[(names.indexOf(name) * MUTATIONS_EACH + n) % kinds.length]!;
      const mutated = MUTATIONS[kind]!(original, roll, fixture(names[roll(names.length)]!));
      const raw = rawOf(mutated);
      const first = await read(raw);
      expect((await read(streamed(raw, 8 * 1024))).events).toEqual(first.events);
      const parts = await bytesOf(first);
      for (const { part, size } of first.message.attachments) expect(parts.get(part!)!.length).toBe(size);
    }
  });

  test('any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
        await read(rawOf(Buffer.from(bytes)));
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  test('any header fields over any body', async () => {
    const field = fc.tuple(
      fc.constantFrom(
        'From',
        'To',
        'Cc',
        'Subject',
        'Date',
        'Message-ID',
        'References',
        'In-Reply-To',
        'Content-Type',
        'Content-Transfer-Encoding',
        'Content-Disposition',
        'Reply-To',
        'Authentication-Results',
        'Auto-Submitted',
        'List-Id',
        'Return-Path',
      ),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.constantFrom(
          'multipart/mixed; boundary=b',
          'text/html',
          'a@b.example',
          '<a@b>',
          'base64',
          'multipart/report; report-type=delivery-status; boundary=b',
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(field, { maxLength: 12 }),
        fc.string({ unit: 'binary', maxLength: 500 }),
        async (fields, body) => {
          const mail = `${fields.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n--b\r\n\r\n${body}`;
          const raw = rawOf(Buffer.from(mail));
          expect((await read(streamed(raw))).events).toEqual((await read(raw)).events);
        },
      ),
      { seed: SEED, numRuns: 200 },
    );
  });
});
