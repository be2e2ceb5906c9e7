type Config = Record<string, unknown>;

/** A URL that carries a password, wherever an operator may have put one. */
const URL_WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*:[^/?#]*@/i;

/**
 * Parts what may be shown from what may not: the fields that `paths` name ("imap.pass"), and every URL with a
 * password. `absent` holds the paths that were given as null: secrets to be taken away.
 */
export function splitSecrets(
  config: Config,
  paths: readonly string[],
): { shown: Config; secrets: Record<string, unknown>; absent: string[] } {
  const shown = structuredClone(config);
  const secrets: Record<string, unknown> = {};
  const absent: string[] = [];
  for (const path of [...paths, ...urlsIn(shown)]) {
    const holder = holderOf(shown, path, false);
    const key = lastOf(path);
    if (!holder || !Object.hasOwn(holder, key)) continue;
    if (holder[key] === null) absent.push(path);
    else if (holder[key] !== undefined) secrets[path] = holder[key];
    delete holder[key];
  }
  return { shown, secrets, absent };
}

/** Puts secrets back where they were. */
export function joinSecrets(shown: Config, secrets: Record<string, unknown>): Config {
  const config = structuredClone(shown);
  for (const [path, value] of Object.entries(secrets)) {
    const holder = holderOf(config, path, true);
    if (holder) holder[lastOf(path)] = value;
  }
  return config;
}

/** Whether `path` can still lie in this config: "imap.pass" cannot once `imap` has gone. */
export function hasPlaceFor(config: Config, path: string): boolean {
  return holderOf(config, path, false) !== undefined;
}

const lastOf = (path: string) => path.slice(path.lastIndexOf('.') + 1);

function holderOf(config: Config, path: string, make: boolean): Config | undefined {
  let holder: Config = config;
  for (const name of path.split('.').slice(0, -1)) {
    // "__proto__" in a config must not lead out of it.
    if (!Object.hasOwn(holder, name)) {
      if (!make) return undefined;
      holder[name] = {};
    }
    const next = holder[name];
    if (typeof next !== 'object' || next === null) return undefined;
    holder = next as Config;
  }
  return holder;
}

function urlsIn(value: unknown, prefix = ''): string[] {
  if (typeof value === 'string') return URL_WITH_PASSWORD.test(value) ? [prefix] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    urlsIn(inner, prefix === '' ? key : `${prefix}.${key}`),
  );
}
