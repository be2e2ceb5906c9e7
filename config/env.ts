/** The only reader of the environment. Everyone else is handed values. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { type LOG_LEVELS, PROVIDER_VARIABLES, VARIABLES, type Variable } from './variables.ts';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 3000;
const DEFAULT_RETENTION_DAYS = 90;
/** More of a wrong value than this helps nobody. */
const SHOWN_MAX_CHARS = 80;

export interface Env {
  /** Absent: Earshot runs its own. */
  readonly mongodbUri: string | undefined;
  readonly redisUrl: string | undefined;
  readonly host: string;
  readonly port: number;
  /** Without a slash at its end. */
  readonly publicUrl: string;
  /** Empty when EARSHOT_SECRET is absent: see `keepSecret`. */
  readonly secrets: readonly string[];
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute. */
  readonly cacheDir: string;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly rawRetentionDays: number;
  readonly provider: Readonly<Record<string, string | undefined>>;
}

/** Everything that is wrong with the environment, a line each: name, what was given, what is wanted, an example. */
export class ConfigError extends Error {
  readonly code = 'bad_environment';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Reads and checks everything; throws ConfigError with all mistakes at once. An empty value counts as absent. */
export function readEnv(env: NodeJS.ProcessEnv = process.env): Env {
  const problems: string[] = [];
  const read = <S extends z.ZodType>(variable: Variable & { schema: S }): z.output<S> | undefined => {
    const given = look(variable, env, problems);
    if (given === undefined) return undefined;
    const parsed = variable.schema.safeParse(given);
    if (!parsed.success) problems.push(mistake(variable, show(variable, given)));
    return parsed.data;
  };
  const host = read(VARIABLES.host) ?? DEFAULT_HOST;
  const port = read(VARIABLES.port) ?? DEFAULT_PORT;
  const result: Env = {
    mongodbUri: read(VARIABLES.mongodbUri),
    redisUrl: read(VARIABLES.redisUrl),
    host,
    port,
    publicUrl: read(VARIABLES.publicUrl) ?? localUrl(host, port),
    secrets: Object.freeze(read(VARIABLES.secrets) ?? []),
    dataDir: resolve(read(VARIABLES.dataDir) ?? '.earshot'),
    cacheDir: resolve(read(VARIABLES.cacheDir) ?? userCache(env)),
    logLevel: read(VARIABLES.logLevel) ?? 'info',
    rawRetentionDays: read(VARIABLES.rawRetentionDays) ?? DEFAULT_RETENTION_DAYS,
    provider: Object.freeze(
      Object.fromEntries(
        PROVIDER_VARIABLES.map((variable) => [variable.name, read(variable) as string | undefined]),
      ),
    ),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(result);
}

/** The same with some variables changed, by their names. */
export const readEnvWith = (changes: NodeJS.ProcessEnv): Env => readEnv({ ...process.env, ...changes });

/** Whether NAME_FILE is understood beside NAME. */
export function mayBeFile(variable: Variable): boolean {
  return variable.secret || PROVIDER_VARIABLES.includes(variable);
}

function look(variable: Variable, env: NodeJS.ProcessEnv, problems: string[]): string | undefined {
  const { name } = variable;
  const given = env[name]?.trim() || undefined;
  const path = mayBeFile(variable) ? env[`${name}_FILE`]?.trim() || undefined : undefined;
  if (path === undefined) return given;
  if (given !== undefined) {
    problems.push(`${name}: given twice, here and in ${name}_FILE; wanted one of them.`);
    return undefined;
  }
  try {
    const content = readFileSync(path, 'utf8').trim();
    if (content !== '') return content;
    problems.push(
      `${name}_FILE: given "${path}", which is empty; wanted a file that holds ${variable.wanted}.`,
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    problems.push(
      `${name}_FILE: given "${path}", which cannot be read (${code}); wanted a file that holds ${variable.wanted}, ` +
        `for example /run/secrets/${name.toLowerCase()}.`,
    );
  }
  return undefined;
}

function mistake(variable: Variable, shown: string): string {
  return `${variable.name}: given ${shown}; wanted ${variable.wanted}, for example ${variable.example}`;
}

function show(variable: Variable, given: string): string {
  if (variable.secret) return `a value of ${given.length} characters (not shown)`;
  return JSON.stringify(given.length > SHOWN_MAX_CHARS ? `${given.slice(0, SHOWN_MAX_CHARS)}…` : given);
}

function localUrl(host: string, port: number): string {
  // Nobody can reach "all addresses"; on this machine the loopback is one of them.
  const reachable = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function userCache(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CACHE_HOME?.trim() || join(homedir(), '.cache'), 'earshot');
}
