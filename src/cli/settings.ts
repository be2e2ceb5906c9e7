import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Env, readEnv } from '../../config/env.ts';
import { CliError } from './errors.ts';
import { remark } from './output.ts';
import { findServer, type RunningServer } from './server-file.ts';

/** Where the demo keeps its data, below the data folder that everything else uses. */
export const DEMO_FOLDER = 'demo';
export const DEFAULT_FOLDER = '.earshot';

/**
 * The environment, seen from where a command is called: beside a running demo, and where nothing else was ever
 * started, a command means the demo.
 */
export function readSettings(): Env {
  const env = readEnv();
  if (isChosen(env) || findServer(env.dataDir) || existsSync(join(env.dataDir, 'services.json'))) return env;
  return findServer(demoOf(env)) ? settingsOfDemo(env) : env;
}

/** The running server and the settings to reach its data with. Throws CliError `server_not_running`. */
export function findRunning(): { env: Env; server: RunningServer } {
  const env = readEnv();
  const own = findServer(env.dataDir);
  if (own) return { env, server: own };
  const demo = isChosen(env) ? undefined : findServer(demoOf(env));
  if (demo) return { env: settingsOfDemo(env), server: demo };
  throw new CliError(
    'server_not_running',
    `No server runs on the data in ${env.dataDir}: start one with "earshot start", or set EARSHOT_DATA to where it keeps its data.`,
  );
}

/** Whoever names a database or a data folder means that one. */
const isChosen = (env: Env) => env.mongodbUri !== undefined || env.dataDir !== resolve(DEFAULT_FOLDER);
const demoOf = (env: Env) => join(env.dataDir, DEMO_FOLDER);

function settingsOfDemo(env: Env): Env {
  const server = findServer(demoOf(env));
  remark(`using the running demo (${demoOf(env)})`);
  return Object.freeze({ ...env, dataDir: demoOf(env), publicUrl: server?.publicUrl ?? env.publicUrl });
}

/** Where providers reach us: what a running server checks signatures against, else what the next one will. */
export const publicUrlOf = (env: Env): string => findServer(env.dataDir)?.publicUrl ?? env.publicUrl;
