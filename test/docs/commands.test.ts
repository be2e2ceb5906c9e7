/** The commands and routes that pages tell readers to type exist, with the options that are given to them. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT, readSources } from '../support/read-sources.ts';
import { runCli } from '../support/run-cli.ts';

const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/*.md', { cwd: ROOT })];
const text = pages.map((page) => readFileSync(join(ROOT, page), 'utf8').replace(/\\\n\s*/g, '')).join('\n');
const GROUPS = ['inbox', 'agent', 'raw'];
const GLOBAL = ['--json', '--help', '--version'];

/** `earshot inbox add …` to the command and its options. */
const calls = [...text.matchAll(/(?:\.\/script\/|`)earshot ([a-z][^`\n|<]*)/g)].map(([, line]) => {
  const words = line!.split(/\s+/);
  const path = GROUPS.includes(words[0]!) ? words.slice(0, 2) : words.slice(0, 1);
  return {
    command: path.filter((word) => /^[a-z]+$/.test(word)).join(' '),
    options: words.filter((word) => /^--[a-z]/.test(word)),
  };
});

test('commands and options that pages name exist', async () => {
  expect(calls.length).toBeGreaterThan(20);
  const wrong: string[] = [];
  for (const command of new Set(calls.map((call) => call.command))) {
    const { code, stdout } = await runCli([...command.split(' '), '--help']);
    if (code !== 0) wrong.push(`earshot ${command}`);
    const options = calls.filter((call) => call.command === command).flatMap((call) => call.options);
    for (const option of new Set(options))
      if (!GLOBAL.includes(option) && !stdout.includes(option)) wrong.push(`earshot ${command} ${option}`);
  }
  expect(wrong).toEqual([]);
});

test('routes of the API that pages name exist', () => {
  const routes = readSources(['src/gateway/routes']).flatMap((source) =>
    [...source.text.matchAll(/^\s+'(\/[a-z/:]+)',$/gm)].map(([, route]) => route!.split('/')),
  );
  const exists = (path: string) => {
    const words = path.replace(/\/$/, '').split('/');
    return routes.some(
      (route) =>
        route.length === words.length && route.every((word, i) => word.startsWith(':') || word === words[i]),
    );
  };
  const named = [...text.matchAll(/\/api\/v1(\/[A-Za-z0-9/:_-]+)/g)].map(([, path]) => path!);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !exists(path))).toEqual([]);
  expect(exists('/tickets/1/nothing')).toBe(false);
});
