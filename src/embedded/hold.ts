import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 25;
const TELL_AFTER_MS = 2_000;
const SQLITE_BUSY = 5;

/**
 * Locks that the kernel gives back when their holder dies, however it dies: Node has no flock(), but SQLite's
 * exclusive transaction is one. So no lock is ever stale, and the id of a dead process given to another one
 * deceives nobody. Never open these files in another way: POSIX drops a lock when any descriptor is closed.
 */
export interface Hold {
  release(): void;
}

function tryHold(path: string): Hold | undefined {
  const database = new DatabaseSync(path);
  try {
    // The lock alone is wanted: no journal file beside it.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** Runs `work` while no other process works on the services of this data folder. */
export async function withLock<T>(
  dataDir: string,
  log: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(dataDir, 'services.lock');
  const since = Date.now();
  let told = false;
  let hold = tryHold(path);
  while (!hold) {
    if (!told && Date.now() - since > TELL_AFTER_MS) {
      told = true;
      log(`waiting for another process that is starting or stopping the services of ${dataDir}`);
    }
    await sleep(POLL_MS);
    hold = tryHold(path);
  }
  try {
    return await work();
  } finally {
    hold.release();
  }
}

/** Marks this process as a user of the services until released or dead. Call it with the lock held. */
export async function becomeUser(dataDir: string): Promise<Hold> {
  const folder = join(dataDir, 'users');
  await mkdir(folder, { recursive: true });
  const hold = tryHold(join(folder, `${process.pid}-${randomUUID()}`));
  if (!hold) throw new Error('a fresh file is locked');
  return hold;
}

/** How many users live; the marks of dead ones are removed. Call it with the lock held. */
export async function countUsers(dataDir: string): Promise<number> {
  const folder = join(dataDir, 'users');
  let alive = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    const dead = tryHold(join(folder, name));
    if (!dead) {
      alive += 1;
      continue;
    }
    dead.release();
    await rm(join(folder, name), { force: true });
  }
  return alive;
}
