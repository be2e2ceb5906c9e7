import type { Command } from 'commander';
import { paint, say, sayJson } from './output.ts';

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at everything that Earshot needs, and say what to do about what is missing')
    .action(doctor);
}

const MARKS = { ok: paint('green', 'ok  '), warning: paint('yellow', 'WARN'), failed: paint('red', 'FAIL') };

async function doctor(_: object, command: Command): Promise<void> {
  const { examine } = await import('./doctor/examine.ts');
  const { json } = command.optsWithGlobals<{ json?: boolean }>();
  let failed = 0;
  let warnings = 0;
  for await (const finding of examine()) {
    if (finding.result === 'failed') failed += 1;
    if (finding.result === 'warning') warnings += 1;
    if (json) sayJson(finding);
    else say(`${MARKS[finding.result]} ${finding.what}: ${finding.detail}`);
  }
  if (!json) say(failed + warnings === 0 ? 'everything is well' : `${failed} failed, ${warnings} to look at`);
  if (failed > 0) process.exitCode = 1;
}
