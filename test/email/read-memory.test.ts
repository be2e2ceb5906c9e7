import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('read-big-mail.ts', import.meta.url));
const MIB = 1024 * 1024;
const RSS_RISE_MAX = 150 * MIB;
const BLOCKED_MS_MAX = 1_500;

interface Cost {
  mailBytes: number;
  rssRiseBytes: number;
  blockedMs: number;
  partBytes: number;
  attachedBytes: number;
  textChars: number;
  flags: string[];
}

describe('a mail of 50 MiB costs little memory and holds up nobody', () => {
  test.each([
    ['attachment', []],
    ['two-attachments', []],
    ['text', ['text-cut']],
    ['text-one-line', ['text-cut']],
    ['text-iso-2022-jp', ['text-cut']],
    ['html', ['text-cut', 'html-cut']],
    ['html-base64', ['text-cut', 'html-cut']],
    ['quoted-lines', ['text-cut']],
  ])('%s', async (kind, flags) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', SCRIPT, kind], {
      env: {},
    });
    const cost = JSON.parse(stdout) as Cost;
    expect(cost.mailBytes).toBeGreaterThan(49 * MIB);
    expect(cost.rssRiseBytes).toBeLessThan(RSS_RISE_MAX);
    expect(cost.blockedMs).toBeLessThan(BLOCKED_MS_MAX);
    expect(cost.flags).toEqual(flags);
    expect(cost.textChars).toBeGreaterThan(0);
    // Every byte that was counted comes out when the parts are read.
    expect(cost.partBytes).toBe(cost.attachedBytes);
    expect(cost.partBytes).toBeGreaterThan(30 * MIB);
  });
});
