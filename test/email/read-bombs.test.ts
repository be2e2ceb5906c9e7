import { describe, expect, test } from '@jest/globals';
import { BOMBS } from './read-bombs.ts';
import { rawOf, read, readFixture, streamed } from './read-harness.ts';
import { watchTurns } from './read-turns.ts';

/** Processor time between two turns of the event loop. 100 ms is the aim on a quiet machine; this one shares caches. */
const BLOCKED_MS_MAX = 1_500;
const INLINE_BYTES = 1024 * 1024;
const STREAM_PIECE_BYTES = 64 * 1024;

describe('a mail made to cost much is read all the same, and holds up nobody', () => {
  test.each(Object.keys(BOMBS))('%s', async (name) => {
    await readFixture('html-only');
    const whole = rawOf(BOMBS[name]!());
    const raw = whole.body.size > INLINE_BYTES ? streamed(whole, STREAM_PIECE_BYTES) : whole;
    const turns = watchTurns();
    const { message } = await read(raw);
    expect(turns.stop()).toBeLessThan(BLOCKED_MS_MAX);
    expect(message.externalId).not.toBe('');
  });
});
