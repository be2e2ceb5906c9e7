/** <dataDir>/server.json: how commands find the server that runs on the same data. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RunningServer {
  pid: number;
  /** Where HTTP answers on this machine. */
  url: string;
  /** What its listeners bind. */
  host: string;
  /** What signatures are made over. */
  publicUrl: string;
}

const fileOf = (dataDir: string) => join(dataDir, 'server.json');

export function writeServerFile(dataDir: string, server: RunningServer): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${fileOf(dataDir)}.${server.pid}`;
  writeFileSync(draft, `${JSON.stringify(server)}\n`);
  renameSync(draft, fileOf(dataDir));
}

/** Leaves the file of another server, started later on the same data, where it is. */
export function removeServerFile(dataDir: string, pid: number): void {
  if (read(dataDir)?.pid === pid) rmSync(fileOf(dataDir), { force: true });
}

/** undefined: none runs. The file of a killed one is passed over. */
export function findServer(dataDir: string): RunningServer | undefined {
  const server = read(dataDir);
  return server && isAlive(server.pid) ? server : undefined;
}

function read(dataDir: string): RunningServer | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(dataDir), 'utf8')) as RunningServer;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
