import type { Command } from 'commander';

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('everything at once: sample inboxes, agents and messages; runs until Ctrl-C')
    .action(async () => {
      const { runDemo } = await import('./demo/run-demo.ts');
      await runDemo();
    });
}
