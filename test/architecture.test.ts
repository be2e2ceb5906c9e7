/** The rooms and what they may know of each other, read from the sources (docs: the README of each room). */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CHANNEL_KINDS } from '../src/contract/index.ts';
import { type Import, lineAt, ROOT, readSources } from './support/read-sources.ts';

const HOUSE = ['src', 'channels', 'workers', 'config'] as const;
const OUTSIDE = ['bench', 'script', 'test'] as const;
const LONGEST_FILE = 250;

/** From left to right: each may know those before it. */
const DOMAIN = ['src/inboxes', 'src/intake', 'src/contacts', 'src/conversations', 'src/tickets', 'src/cases'];
/** Of triage the domain knows the words and the mask, never the classifier. */
const TRIAGE_WORDS = ['src/triage/types.ts', 'src/triage/mask.ts'];
const PURE = ['src/lib', 'src/contract'];

/** What a room may import beside itself: rooms, or single files. Rooms that are not named here may import everything. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'src/contract': [],
  // Implements what the contract promises to a channel (its fetch).
  'src/lib': ['src/contract'],
  config: ['src/lib'],
  'src/store': PURE,
  'src/queues': PURE,
  'src/embedded': PURE,
  'src/triage': PURE,
  ...Object.fromEntries(
    DOMAIN.map((room, i) => [room, [...PURE, 'src/store', ...TRIAGE_WORDS, ...DOMAIN.slice(0, i)]]),
  ),
  'src/agents': [...PURE, 'src/store', 'src/inboxes'],
  'src/gateway': [...PURE, 'src/store', ...TRIAGE_WORDS, ...DOMAIN, 'src/agents', 'src/queues'],
  workers: [...PURE, 'src/store', 'src/triage', ...DOMAIN, 'src/agents', 'src/queues', 'src/embedded'],
  ...Object.fromEntries(CHANNEL_KINDS.map((kind) => [`channels/${kind}`, [...PURE, 'channels/lib']])),
  'channels/lib': PURE,
};

/** Where things meet: imported by nobody but those named. */
const IMPORTED_BY: Record<string, readonly string[]> = {
  'src/main.ts': ['src/cli'],
  'src/cli': [],
  'channels/index.ts': ['src/main.ts', 'src/cli'],
  config: ['src/main.ts', 'src/cli'],
};

/** Where a package may be imported (the demo plays the customers and their mail server, doctor asks the services). */
const HOMES: Record<string, readonly string[]> = {
  mongoose: ['src/store', ...DOMAIN, 'src/agents', 'src/gateway', 'src/embedded', 'workers', 'src/cli'],
  bullmq: ['src/queues'],
  ioredis: ['src/queues', 'src/cli/doctor'],
  fastify: ['src/gateway'],
  'fastify-type-provider-zod': ['src/gateway'],
  '@fastify/swagger': ['src/gateway'],
  '@fastify/swagger-ui': ['src/gateway'],
  commander: ['src/cli'],
  pino: ['src/lib/log.ts'],
  'prom-client': ['src/lib/metrics.ts'],
  imapflow: ['channels/email'],
  nodemailer: ['channels/email', 'src/cli/demo'],
  mailparser: ['channels/email', 'src/cli/demo'],
  mailauth: ['channels/email'],
  libmime: ['channels/email'],
  libqp: ['channels/email'],
  '@zone-eu/mailsplit': ['channels/email'],
  'smtp-server': ['channels/email', 'src/cli/demo'],
  'sanitize-html': ['channels/email'],
  'html-to-text': ['channels/email'],
  twilio: ['channels/sms', 'channels/voice', 'channels/whatsapp'],
  'sms-segments-calculator': ['channels/sms'],
  'mongodb-memory-server-core': ['src/embedded'],
};
/** Small and pure: anywhere but in lib and contract, which know zod alone. */
const ANYWHERE = [
  'zod',
  'libphonenumber-js',
  'linkify-it',
  'intl-messageformat',
  '@js-temporal/polyfill',
  'file-type',
];

const house = readSources(HOUSE);
const imports = house.flatMap((source) => source.imports);

/** `src/x`, `channels/x`, `workers`, `config`; a file that stands in no room is its own. */
function roomOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'src' || first === 'channels' ? `${first}/${second}` : first;
}
const isIn = (path: string, places: readonly string[]) =>
  places.some((place) => path === place || path.startsWith(`${place}/`));
const at = ({ file, line }: Import) => `${file}:${line}`;
const ours = imports.filter(
  ({ kind, file, target }) => kind === 'ours' && target.endsWith('.ts') && roomOf(file) !== roomOf(target),
);

test('the sources are read at all', () => {
  expect(house.length).toBeGreaterThan(100);
  expect(ours.length).toBeGreaterThan(100);
  const missing = imports.filter(({ kind, target }) => kind === 'ours' && !existsSync(join(ROOT, target)));
  expect(missing.map((it) => `${at(it)} imports ${it.target}, which is not there`)).toEqual([]);
});

describe('a room knows only the rooms that it may know', () => {
  test('by the table', () => {
    const wrong = ours.filter(({ file, target }) => {
      const allowed = MAY_IMPORT[roomOf(file)];
      return allowed && !isIn(target, allowed);
    });
    expect(
      wrong.map(
        (it) =>
          `${at(it)} imports ${it.target}; ${roomOf(it.file)} may import ${MAY_IMPORT[roomOf(it.file)]}`,
      ),
    ).toEqual([]);
  });

  test('and nobody imports the places where all meets', () => {
    const wrong = ours.filter(({ file, target }) => {
      const place = Object.keys(IMPORTED_BY).find((it) => isIn(target, [it]));
      return place && !isIn(file, IMPORTED_BY[place]!);
    });
    expect(
      wrong.map((it) => `${at(it)} imports ${it.target}, which only ${OUTSIDE} and those named may`),
    ).toEqual([]);
  });

  test('in one direction', () => {
    const known = new Map<string, Set<string>>();
    for (const { file, target } of ours) {
      const from = roomOf(file);
      known.set(from, (known.get(from) ?? new Set()).add(roomOf(target)));
    }
    expect(cycleIn(known)?.join(' → ')).toBeUndefined();
  });
});

describe('a package', () => {
  const packages = imports.filter(({ kind }) => kind === 'package');

  test('is imported at its home alone', () => {
    const wrong = packages.filter(({ file, target }) => {
      if (isIn(file, PURE) && target === 'zod') return false;
      if (ANYWHERE.includes(target)) return isIn(file, PURE);
      const home = HOMES[target];
      return !home || !isIn(file, home);
    });
    expect(
      wrong.map((it) => `${at(it)} imports ${it.target}; its home: ${HOMES[it.target] ?? 'none named here'}`),
    ).toEqual([]);
  });

  test('is one that we ask for ourselves', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const atRun = Object.keys(manifest.dependencies);
    const always = [...atRun, ...Object.keys(manifest.devDependencies)];
    const outside = readSources(OUTSIDE).flatMap((source) => source.imports);
    const wrong = [
      ...packages.filter(({ target, typeOnly }) => !(typeOnly ? always : atRun).includes(target)),
      ...outside.filter(
        ({ kind, target }) => kind === 'package' && !target.includes('$') && !always.includes(target),
      ),
    ];
    expect(wrong.map((it) => `${at(it)} imports ${it.target}, which package.json does not name`)).toEqual([]);
  });

  test('of Node brings the contract nothing but types, and streams of what lies in memory', () => {
    const wrong = imports.filter(
      ({ file, kind, target, typeOnly }) =>
        kind === 'builtin' && target !== 'node:stream' && !typeOnly && isIn(file, ['src/contract']),
    );
    expect(wrong.map((it) => `${at(it)} imports ${it.target}; the contract does no I/O`)).toEqual([]);
  });
});

describe('no source', () => {
  const lines = (pattern: RegExp, places: (file: string) => boolean) =>
    house
      .filter(({ file }) => places(file))
      .flatMap(({ file, text }) =>
        [...text.matchAll(pattern)].map((match) => `${file}:${lineAt(text, match.index)} ${match[0].trim()}`),
      );

  test('but those of config reads the environment: values are handed in', () => {
    expect(lines(/^(?!\s*(?:\*|\/\/|\/\*)).*\bprocess\.env\b/gm, (file) => !isIn(file, ['config']))).toEqual(
      [],
    );
  });

  test('outside the channels asks which channel it is: that is said as a capability', () => {
    const kinds = CHANNEL_KINDS.join('|');
    // An address too may be of kind 'email' or 'telegram'; these are kinds of channels alone.
    const channelsAlone = 'sms|voice|webchat';
    const pattern = new RegExp(
      `\\b(?:channel|inbox)[\\w.?]*\\s*[!=]==?\\s*'(?:${kinds})'|'(?:${kinds})'\\s*[!=]==?\\s*(?:channel|inbox)|(?:[!=]==?|\\bcase)\\s*'(?:${channelsAlone})'`,
      'gi',
    );
    expect("if (inbox.kind === 'email')").toMatch(pattern);
    expect(lines(pattern, (file) => !isIn(file, ['channels', 'src/cli']))).toEqual([]);
  });

  test('is longer than a person reads at once', () => {
    const long = house.map(({ file, text }) => ({ file, length: text.trimEnd().split('\n').length }));
    expect(long.filter(({ length }) => length > LONGEST_FILE)).toEqual([]);
  });
});

test('every room says at its door what lives there', () => {
  const rooms = ['workers', 'config', ...globSync(['src/*/', 'channels/*/'], { cwd: ROOT })].map((room) =>
    room.replace(/\/$/, ''),
  );
  const furnished = rooms.filter((room) => house.some(({ file }) => isIn(file, [room])));
  expect(furnished.length).toBeGreaterThan(10);
  expect(
    furnished.filter((room) => !existsSync(join(ROOT, room, 'README.md'))).map((room) => `${room}/README.md`),
  ).toEqual([]);
});

/** A way that leads back to where it began, or undefined. */
function cycleIn(known: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (room: string, way: string[]): string[] | undefined => {
    if (way.includes(room)) return [...way.slice(way.indexOf(room)), room];
    if (done.has(room)) return undefined;
    for (const next of known.get(room) ?? []) {
      const cycle = visit(next, [...way, room]);
      if (cycle) return cycle;
    }
    done.add(room);
    return undefined;
  };
  for (const room of known.keys()) {
    const cycle = visit(room, []);
    if (cycle) return cycle;
  }
  return undefined;
}
