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

/** Every Earshot was started with it. */
const COMMAND_FILE = 'src/cli/main.ts';

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

/** A process that has ended but was not collected yet has no command line, and a number given anew has another. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(COMMAND_FILE);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
