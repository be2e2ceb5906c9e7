import type { Command } from 'commander';
import { wrongUsage } from './errors.ts';
import { say, sayJson } from './output.ts';

interface Options {
  inbox?: string;
  count?: string;
}

export function registerTail(program: Command): void {
  program
    .command('tail')
    .description('follow messages as they come and go, and what becomes of answers')
    .option('--inbox <id>', 'of this inbox only')
    .option('--count <n>', 'end after so many lines')
    .action(tail);
}

async function tail({ inbox, count: given }: Options, command: Command): Promise<void> {
  const [{ readSettings }, { withHouse }, { followMessages }, { wordsOf }] = await Promise.all([
    import('./settings.ts'),
    import('./with-house.ts'),
    import('./follow-messages.ts'),
    import('./tail-words.ts'),
  ]);
  const count = given === undefined ? Number.POSITIVE_INFINITY : Number(given);
  if (Number.isNaN(count) || count < 1) throw wrongUsage(`--count: "${given}" is no number above 0.`);
  const { json } = command.optsWithGlobals<{ json?: boolean }>();
  await withHouse(readSettings(), async ({ store, log }) => {
    let left = count;
    for await (const line of followMessages(store, { log, inbox })) {
      if (json) sayJson(line);
      else say(wordsOf(line));
      left -= 1;
      if (left <= 0) return;
    }
  });
}
