import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

test('the published schema of an inbound event is the one that the code has', () => {
  const check = () =>
    execFileSync(process.execPath, ['script/write-schema.ts', '--check'], { stdio: 'pipe' });
  expect(check).not.toThrow();
});
