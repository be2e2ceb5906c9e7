/** What a page promises to lead to: files, headings in them, and nothing that is only in somebody's memory. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT } from '../support/read-sources.ts';

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
const FENCED = /^(`{3,})[^\n]*\n[\s\S]*?^\1/gm;

const pages = globSync('**/*.md', {
  cwd: ROOT,
  exclude: (name) => ['node_modules', 'coverage'].some((folder) => name.includes(folder)),
});
const proseOf = (page: string) => readFileSync(join(ROOT, page), 'utf8').replace(FENCED, '');

const links = pages.flatMap((page) =>
  [...proseOf(page).matchAll(LINK)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#');
      return { page, target, path: path === '' ? page : normalize(join(dirname(page), path)), anchor };
    }),
);

/** As GitHub makes an anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

test('pages are read at all', () => {
  expect(pages).toContain('README.md');
  expect(links.length).toBeGreaterThan(20);
});

test('every relative link leads to something that is there', () => {
  const dead = links.filter(({ path }) => !existsSync(join(ROOT, path)));
  expect(dead.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
});

test('every link into a page names one of its headings', () => {
  const lost = links.filter(({ path, anchor }) => {
    const file = join(ROOT, path);
    if (!anchor || !path.endsWith('.md') || !existsSync(file) || !statSync(file).isFile()) return false;
    const headings = [...proseOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!));
    return !headings.includes(anchor);
  });
  expect(lost.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
});
