import type { Command } from 'commander';

const DEAD_LETTERS = 'dead,quarantined';

export function registerRaw(program: Command): void {
  const raw = program.command('raw').description('the raw inbox: what arrived, and what became of it');
  // The models behind these need MongoDB's driver: loaded only for them.
  const actions = () => import('./raw-actions.ts');

  raw
    .command('list')
    .description('deliveries, newest first; by default the dead letters')
    .option(
      '--state <states>',
      'received, processing, done, ignored, quarantined, dead (several with commas), or all',
      DEAD_LETTERS,
    )
    .option('--inbox <id>', 'of this inbox only')
    .option('--limit <n>', 'at most so many', '50')
    .action(async (options, command) => (await actions()).list(options, command));

  raw
    .command('show <id>')
    .description('what became of a delivery, or with --body what arrived, unmasked')
    .option('--body', 'write the original bytes to standard output; leaves an audit line')
    .option('--as <agent>', 'with --body: who opens it (id or address), an admin')
    .action(async (id, options, command) => (await actions()).show(id, options, command));

  raw
    .command('edit <id>')
    .description('replace the body of a dead letter with standard input; the original is kept')
    .requiredOption('--as <agent>', 'who edits it (id or address), an admin')
    .action(async (id, options, command) => (await actions()).edit(id, options, command));
}
