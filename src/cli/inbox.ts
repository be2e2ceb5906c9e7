import type { Command } from 'commander';
import type { InboxView } from '../inboxes/index.ts';
import type { House } from '../main.ts';
import { wrongUsage } from './errors.ts';
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

  inbox
    .command('update <id>')
    .description('give it another config; a secret that is left out stays, null takes it away')
    .option('--config <json>', 'the whole config: JSON in place, @FILE, or - for standard input')
    .option('--name <name>', 'what agents call it')
    .action(update);

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
  const [{ readObject }, { channelType, checkConfig }, { readSettings }] = await Promise.all([
    import('./read-argument.ts'),
    import('./offline-channel.ts'),
    import('./settings.ts'),
  ]);
  const type = await channelType(kind);
  const config = await readObject('--config', given);
  // Asked before services are opened: a mistake is told at once.
  checkConfig(type, config, readSettings().provider);
  await atHome(async (house) => {
    const view = await (await house.openInboxes()).add(id, kind, config, name);
    const { loadInbox } = await import('./probe-inbox.ts');
    const stored = await loadInbox(house, id);
    const webhookUrl = await webhookOf(stored);
    if (json) return sayJson({ id, kind, webhookUrl });
    say(`inbox ${paint('bold', id)} (${kind}) is added`);
    await tellOperator(house, view, stored, webhookUrl);
  });
}

async function update(
  id: string,
  { config: given, name }: { config?: string; name?: string },
  command: Command,
): Promise<void> {
  const { json } = command.optsWithGlobals<Globals>();
  if (given === undefined && name === undefined)
    throw wrongUsage('Say what is to change: --config @FILE (the whole config), --name NAME, or both.');
  const { readObject } = await import('./read-argument.ts');
  const config = given === undefined ? undefined : await readObject('--config', given);
  await atHome(async (house) => {
    const change = { ...(config ? { config } : {}), ...(name === undefined ? {} : { name }) };
    const view = await (await house.openInboxes()).update(id, change);
    if (!config) {
      if (json) sayJson(view);
      else say(`inbox ${paint('bold', id)} is now called ${view.name}`);
      return;
    }
    const { loadInbox } = await import('./probe-inbox.ts');
    const stored = await loadInbox(house, id);
    const webhookUrl = await webhookOf(stored);
    if (json) return sayJson({ ...view, webhookUrl });
    say(
      `inbox ${paint('bold', id)} (${view.kind}) is changed; a running server opens it anew within seconds`,
    );
    await tellOperator(house, view, stored, webhookUrl);
  });
}

/** What is left to do for the one who keeps the inbox. */
async function tellOperator(
  { env }: House,
  view: InboxView,
  { type, config, hookUrl }: StoredInbox,
  webhookUrl: string | undefined,
): Promise<void> {
  const { variablesTaken } = await import('./from-environment.ts');
  const taken = variablesTaken(type, view, env.provider);
  if (webhookUrl) say(`webhook: ${webhookUrl}`);
  if (taken.length > 0)
    say(`taken from this environment, and needed in that of the running server too: ${taken.join(', ')}`);
  for (const line of type.setup?.(config, hookUrl) ?? []) say(`  - ${line}`);
  remark(`try it with: earshot inbox test ${view.id}`);
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
