/** The `earshot` command. Every file beside this one is a command; what is heavy is loaded when the command runs. */
import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { registerAgent } from './agent.ts';
import { registerDemo } from './demo.ts';
import { registerDoctor } from './doctor.ts';
import { registerInbox } from './inbox.ts';
import { registerInspect } from './inspect.ts';
import { registerRaw } from './raw.ts';
import { registerReplay } from './replay.ts';
import { report } from './report.ts';
import { registerStart } from './start.ts';
import { registerTail } from './tail.ts';
import { registerTrigger } from './trigger.ts';
import { registerVerify } from './verify.ts';

const USAGE_EXIT = 2;

// Settings are inherited by commands that are made after them.
const program = new Command('earshot')
  .description('No customer message goes unheard: every message becomes a ticket, every answer goes back.')
  .version(manifest.version)
  .option('--json', 'answer in JSON')
  .showHelpAfterError('(earshot --help lists the commands; earshot COMMAND --help explains one)')
  .exitOverride();

registerStart(program);
registerDemo(program);
registerDoctor(program);
registerInbox(program);
registerAgent(program);
registerInspect(program);
registerVerify(program);
registerTrigger(program);
registerTail(program);
registerReplay(program);
registerRaw(program);

// A reader that has seen enough (`| head`) is no mistake.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? usageExit(error) : report(error, program.opts().json);
}
// Connections that libraries keep warm must not hold the prompt back. Pipes are written synchronously.
process.exit();

/** Help and version leave through an error too; everything else is a wrong call. */
function usageExit(error: CommanderError): number {
  return error.exitCode === 0 ? 0 : USAGE_EXIT;
}
