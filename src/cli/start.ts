import type { Command } from 'commander';
import { wrongUsage } from './errors.ts';

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('run Earshot: take messages in, work on them, send answers')
    .option('--role <roles>', 'some of gateway,workers,pollers, separated by commas (default: all)')
    .action(async ({ role }: { role?: string }) => {
      const [{ readEnv }, { createLog }, { ROLES }, { serve }] = await Promise.all([
        import('../../config/env.ts'),
        import('../lib/log.ts'),
        import('../main.ts'),
        import('./serve.ts'),
      ]);
      const asked = role?.split(',').map((name) => name.trim());
      const unknown = asked?.find((name) => !(ROLES as readonly string[]).includes(name));
      if (unknown !== undefined)
        throw wrongUsage(`--role: "${unknown}" is no role; there are ${ROLES.join(', ')}.`);
      const env = readEnv();
      const roles = asked ? ROLES.filter((name) => asked.includes(name)) : ROLES;
      await serve({ env, roles, log: createLog(env.logLevel) });
    });
}
