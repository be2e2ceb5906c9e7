import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 15;
const PATIENCE_MS = 30_000;

/** Waits until `look` answers something, and returns that. Fails after `patienceMs`, saying what was waited for. */
export async function until<T>(
  look: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms in vain: ${what}`);
    await delay(POLL_MS);
  }
}
