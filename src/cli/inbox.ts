import type { Command } from 'commander';
import type { House } from '../main.ts';
import { ago, paint, remark, say, sayJson, table } from './output.ts';
import type { StoredInbox } from './probe-inbox.ts';

type Globals = { json?: boolean };

export function registerInbox(program: Command): void {
  const inbox = program.command('inbox').description('the places where messages arrive');

  inbox
    .command('add <kind>')
    .description('add a mailbox, a number, a page; a running server receives on it within seconds')
    .requiredOption('--id <id>', 'your name for it: lower-case letters, digits, dashes')
    .requiredOption('--config <json>', 'JSON in place, @FILE, or - for standard input')
    .option('--name <name>', 'what agents call it')
    .action(add);

  inbox.command('list').description('all inboxes and how they are').action(list);

  inbox.command('test <id>').description('try it: log in, list, say how each step went').action(test);

  inbox
    .command('pause <id>')
    .description('neither poll nor send; what is delivered is still recorded')
    .action((id, _, command) => setPaused(id, true, command.optsWithGlobals()));

  inbox
    .command('resume <id>')
    .description('end a pause')
    .action((id, _, command) => setPaused(id, false, command.optsWithGlobals()));

  inbox
    .command('remove <id>')
    .description('take nothing more in; its messages stay, its credentials go')
    .action(async (id: string, _: object, command: Command) => {
      await atHome(async ({ openInboxes }) => (await openInboxes()).remove(id));
      if (command.optsWithGlobals<Globals>().json) sayJson({ id, removed: true });
      else say(`inbox ${id} is removed`);
    });
}

async function atHome<T>(work: (house: House) => Promise<T>): Promise<T> {
  const [{ readSettings }, { withHouse }] = await Promise.all([
    import('./settings.ts'),
    import('./with-house.ts'),
  ]);
  return withHouse(readSettings(), work);
}

async function add(
  kind: string,
  { id, config: given, name }: { id: string; config: string; name?: string },
  command: Command,
): Promise<void> {
  const { json } = command.optsWithGlobals<Globals>();
  const [{ readObject }, { channelType, checkConfig }, { readSettings, publicUrlOf }] = await Promise.all([
    import('./read-argument.ts'),
    import('./offline-channel.ts'),
    import('./settings.ts'),
  ]);
  const type = await channelType(kind);
  const config = await readObject('--config', given);
  // Asked before services are opened: a mistake is told at once.
  const complete = checkConfig(type, config, readSettings().provider);
  await atHome(async ({ env, openInboxes }) => {
    await (await openInboxes()).add(id, kind, config, name);
    const hookUrl = `${publicUrlOf(env)}/hooks/${id}`;
    const webhookUrl = await webhookOf({ type, config: complete, hookUrl });
    if (json) return sayJson({ id, kind, webhookUrl });
    say(`inbox ${paint('bold', id)} (${kind}) is added`);
    if (webhookUrl) say(`webhook: ${webhookUrl}`);
    for (const line of type.setup?.(complete, hookUrl) ?? []) say(`  - ${line}`);
    remark(`try it with: earshot inbox test ${id}`);
  });
}

async function list(_: object, command: Command): Promise<void> {
  await atHome(async (house) => {
    const views = await (await house.openInboxes()).list();
    if (command.optsWithGlobals<Globals>().json) {
      const { loadInbox } = await import('./probe-inbox.ts');
      // One that cannot be opened any more is listed all the same; its health says why.
      const urlOf = (id: string) => loadInbox(house, id).then(webhookOf, () => undefined);
      return sayJson(await Promise.all(views.map(async (v) => ({ ...v, webhookUrl: await urlOf(v.id) }))));
    }
    if (views.length === 0)
      return say('no inbox yet; add one: earshot inbox add KIND --id ID --config @FILE');
    const rows = views.map(({ id, kind, paused, health }) => [
      id,
      kind,
      paused ? 'paused' : health.state,
      ago(health.lastOkAt, house.now()),
      health.state === 'ok' ? '' : (health.message ?? '').replaceAll('\n', ' '),
    ]);
    say(table(['ID', 'KIND', 'STATE', 'WELL', 'WHY'], rows));
  });
}

/** Where the provider is to deliver; undefined where nobody calls us. */
async function webhookOf({ type, config, hookUrl }: StoredInbox): Promise<string | undefined> {
  const { openOffline } = await import('./offline-channel.ts');
  const channel = openOffline(type, config, hookUrl);
  await channel.close();
  return channel.webhook ? hookUrl : undefined;
}

async function test(id: string, _: object, command: Command): Promise<void> {
  const { json } = command.optsWithGlobals<Globals>();
  await atHome(async (house) => {
    const { probeInbox } = await import('./probe-inbox.ts');
    let failed = false;
    for await (const step of probeInbox(house, id)) {
      failed ||= !step.ok;
      if (json) sayJson(step);
      else say(`${step.ok ? paint('green', 'ok  ') : paint('red', 'FAIL')} ${step.step}: ${step.detail}`);
    }
    if (failed) process.exitCode = 1;
  });
}

async function setPaused(id: string, paused: boolean, { json }: Globals): Promise<void> {
  await atHome(async ({ openInboxes }) => {
    const view = await (await openInboxes()).setPaused(id, paused);
    if (json) sayJson(view);
    else say(`inbox ${id} is ${paused ? 'paused' : 'running'}`);
  });
}
