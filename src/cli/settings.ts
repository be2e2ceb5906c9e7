import { join, resolve } from 'node:path';
import { type Env, readEnv } from '../../config/env.ts';
import { CliError } from './errors.ts';
import { remark } from './output.ts';
import { findServer, type RunningServer } from './server-file.ts';

/** Where the demo keeps its data, below the data folder that everything else uses. */
export const DEMO_FOLDER = 'demo';
export const DEFAULT_FOLDER = '.earshot';

/** The environment, seen from where a command is called: beside a running demo, a command means the demo. */
export function readSettings(): Env {
  const env = readEnv();
  return !findServer(env.dataDir) && demoOf(env) ? settingsOfDemo(env) : env;
}

/** The running server and the settings to reach its data with. Throws CliError `server_not_running`. */
export function findRunning(): { env: Env; server: RunningServer } {
  const env = readEnv();
  const own = findServer(env.dataDir);
  if (own) return { env, server: own };
  const demo = demoOf(env);
  if (demo) return { env: settingsOfDemo(env), server: demo };
  throw new CliError(
    'server_not_running',
    `No server runs on the data in ${env.dataDir}: start one with "earshot start", or set EARSHOT_DATA to where it keeps its data.`,
  );
}

/** The demo that runs on this machine; whoever names another data folder does not mean it. */
function demoOf(env: Env): RunningServer | undefined {
  return env.dataDir === resolve(DEFAULT_FOLDER) ? findServer(join(env.dataDir, DEMO_FOLDER)) : undefined;
}

function settingsOfDemo(env: Env): Env {
  const dataDir = join(env.dataDir, DEMO_FOLDER);
  remark(`using the running demo in ${dataDir}; end it to act on data of your own`);
  return Object.freeze({ ...env, dataDir });
}

/** Where providers reach us: what a running server checks signatures against, else what the next one will. */
export const publicUrlOf = (env: Env): string => findServer(env.dataDir)?.publicUrl ?? env.publicUrl;
