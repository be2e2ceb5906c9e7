import { ownThreadKey } from '../../src/conversations/place-message.ts';
import type { Draft } from './draft.ts';

/**
 * Splits drafts so that within one wave no two touch the same thread: a wave's facts are read once and then hold.
 * What shares a thread, by its key or by any mail id, comes in later waves, in the order given.
 */
export function intoWaves(drafts: Draft[]): Draft[][] {
  const waves: Draft[][] = [];
  const lastWave = new Map<string, number>();
  for (const draft of drafts) {
    const names = threadNames(draft);
    const wave = Math.max(-1, ...names.map((name) => lastWave.get(name) ?? -1)) + 1;
    for (const name of names) lastWave.set(name, wave);
    waves[wave] ??= [];
    waves[wave].push(draft);
  }
  return waves;
}

function threadNames({ delivery, message }: Draft): string[] {
  const { token, references } = message.thread;
  return [
    ownThreadKey(message),
    message.dedupeKey,
    ...(token ? [token] : []),
    ...references,
    ...message.inReplyTo,
    message.externalId,
  ].map((name) => `${delivery.inbox.id} ${name}`);
}
