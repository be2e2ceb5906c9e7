import type { Command } from 'commander';
import { CliError, wrongUsage } from './errors.ts';
import { say, sayJson } from './output.ts';

const COUNT_MAX = 10_000;

interface Options {
  inbox?: string;
  count: string;
  text?: string;
}

export function registerTrigger(program: Command): void {
  program
    .command('trigger <sample>')
    .description('send a signed sample (sms.inbound, email.inbound …) to the running server')
    .option('--inbox <id>', 'which inbox (default: the first of that kind)')
    .option('--count <n>', 'how many, one after another', '1')
    .option('--text <text>', 'what the customer writes')
    .action(trigger);
}

async function trigger(sample: string, options: Options, command: Command): Promise<void> {
  const [{ channelType }, { findRunning }, { withHouse }, { loadInbox }] = await Promise.all([
    import('./offline-channel.ts'),
    import('./settings.ts'),
    import('./with-house.ts'),
    import('./probe-inbox.ts'),
  ]);
  const count = Number(options.count);
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX)
    throw wrongUsage(`--count: "${options.count}" is no number from 1 to ${COUNT_MAX}.`);
  const [kind = ''] = sample.split('.', 1);
  const type = await channelType(kind);
  const event = sample.slice(kind.length + 1);
  const send = type.triggers?.[event];
  if (!send) {
    const known = Object.keys(type.triggers ?? {}).map((name) => `${kind}.${name}`);
    throw wrongUsage(`There is no sample "${sample}"; there are: ${known.join(', ')}.`);
  }
  const { env, server } = findRunning();
  const { json } = command.optsWithGlobals<{ json?: boolean }>();
  await withHouse(env, async (house) => {
    const id = options.inbox ?? (await firstOf((await house.openInboxes()).list(), kind));
    const inbox = await loadInbox(house, id);
    if (inbox.type.kind !== kind)
      throw wrongUsage(`Inbox "${id}" is of the kind ${inbox.type.kind}: it takes no ${sample}.`);
    for (let i = 0; i < count; i++) {
      const sent = await send(inbox.config, {
        hookUrl: `${server.url}/hooks/${id}`,
        publicHookUrl: `${server.publicUrl}/hooks/${id}`,
        host: new URL(server.url).hostname.replace(/^\[|\]$/g, ''),
        now: house.now(),
        ...(options.text === undefined ? {} : { text: options.text }),
      });
      if (json) sayJson({ inbox: id, sent });
      else say(`${id} <- ${sent}`);
    }
  });
}

async function firstOf(listing: Promise<{ id: string; kind: string }[]>, kind: string): Promise<string> {
  const found = (await listing).find((inbox) => inbox.kind === kind);
  if (found) return found.id;
  throw new CliError(
    'inbox_not_found',
    `There is no inbox of the kind ${kind}; add one: earshot inbox add ${kind} --id ${kind} --config @FILE`,
  );
}
