import { expect, test } from '@jest/globals';
import { createTurns } from '../../src/lib/turns.ts';

/** Lets everything that can go on go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('whoever began first comes first, whoever asks first', async () => {
  const take = createTurns();
  const [first, second, third] = [take(), take(), take()];
  const came: string[] = [];
  for (const [name, turn] of Object.entries({ third, second, first }))
    void turn.come().then(() => came.push(name));
  await settle();
  expect(came).toEqual(['first']);
  first.over();
  await settle();
  expect(came).toEqual(['first', 'second']);
  second.over();
  await settle();
  expect(came).toEqual(['first', 'second', 'third']);
});

test('one that is over before its turn came lets nobody overtake those before it', async () => {
  const take = createTurns();
  const [first, second, third] = [take(), take(), take()];
  let came = false;
  void third.come().then(() => {
    came = true;
  });
  second.over();
  second.over();
  await settle();
  expect(came).toBe(false);
  first.over();
  await settle();
  expect(came).toBe(true);
});
