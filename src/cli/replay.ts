import type { Command } from 'commander';
import type { RawState } from '../intake/model.ts';
import type { House } from '../main.ts';
import { CliError, wrongUsage } from './errors.ts';
import { remark, say, sayJson } from './output.ts';

/** At rest: anything else is being worked on already. */
const REPLAYABLE: readonly RawState[] = ['dead', 'quarantined', 'ignored', 'done'];
const PAGE = 200;

interface Options {
  state?: string;
  inbox?: string;
}

export function registerReplay(program: Command): void {
  program
    .command('replay [id...]')
    .description('process deliveries again; what was done already is not done twice')
    .option('--state <state>', `all that are ${REPLAYABLE.join(', ')}, instead of ids`)
    .option('--inbox <id>', 'of this inbox only')
    .action(replay);
}

async function replay(ids: string[], { state, inbox }: Options, command: Command): Promise<void> {
  if (ids.length > 0 === (state !== undefined))
    throw wrongUsage('Name deliveries by id, or give --state, such as --state dead.');
  if (inbox !== undefined && state === undefined) throw wrongUsage('--inbox goes with --state.');
  const wanted = REPLAYABLE.find((candidate) => candidate === state);
  if (state !== undefined && !wanted)
    throw wrongUsage(`--state: "${state}" cannot be replayed; ${REPLAYABLE.join(', ')} can.`);
  const [{ readSettings }, { withHouse }, { openInboundWaker }] = await Promise.all([
    import('./settings.ts'),
    import('./with-house.ts'),
    import('./wake-inbound.ts'),
  ]);
  const { json } = command.optsWithGlobals<{ json?: boolean }>();
  await withHouse(readSettings(), async (house) => {
    const waker = openInboundWaker(house);
    try {
      let replayed = 0;
      const deliveries = wanted ? inState(house, wanted, inbox) : ids;
      for await (const id of deliveries) {
        const outcome = await replayOne(house, id);
        waker.wake(outcome.id);
        replayed += 1;
        if (json) sayJson(outcome);
        else say(`${outcome.id}  ${outcome.inbox}  ${outcome.state}`);
      }
      if (!json) remark(`${replayed} to be processed again; a running server takes them up within seconds`);
    } finally {
      await waker.close();
    }
  });
}

async function replayOne({ store }: House, id: string) {
  const [{ default: mongoose }, { replayRaw }] = await Promise.all([
    import('mongoose'),
    import('../intake/replay-raw.ts'),
  ]);
  if (!mongoose.isObjectIdOrHexString(id))
    throw new CliError('raw_unknown', `"${id}" is no id of a delivery.`);
  const outcome = await replayRaw(store, new mongoose.Types.ObjectId(id));
  if (!outcome.ok) throw new CliError(outcome.code, `${id}: ${outcome.message}`);
  return { id: outcome.raw._id.toHexString(), inbox: outcome.raw.inbox, state: outcome.raw.state };
}

/** Page by page; what fails again meanwhile is newer than what has been passed, so this ends. */
async function* inState(
  { store }: House,
  state: RawState,
  inbox: string | undefined,
): AsyncGenerator<string> {
  const { listRaw } = await import('../intake/list-raw.ts');
  let before: Parameters<typeof listRaw>[2]['before'];
  for (;;) {
    const page = await listRaw(store, { states: [state], inbox }, { before, limit: PAGE });
    for (const row of page) yield row._id.toHexString();
    before = page.at(-1)?._id;
    if (!before) return;
  }
}
