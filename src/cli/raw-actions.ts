import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import mongoose from 'mongoose';
import { listAgents, may, type Permission } from '../agents/index.ts';
import { viewRaw } from '../gateway/views/raw.ts';
import { editRaw } from '../intake/edit-raw.ts';
import { listRaw, readRaw } from '../intake/list-raw.ts';
import { RAW_STATES, type RawState } from '../intake/model.ts';
import { showRaw } from '../intake/show-raw.ts';
import type { House } from '../main.ts';
import { createAudit } from '../store/audit.ts';
import { CliError, wrongUsage } from './errors.ts';
import { ago, remark, say, sayJson, table } from './output.ts';
import { readSettings } from './settings.ts';
import { withHouse } from './with-house.ts';

type Globals = { json?: boolean };

const LIMIT_MAX = 1_000;

export async function list(
  { state, inbox, limit: given }: { state: string; inbox?: string; limit: string },
  command: Command,
): Promise<void> {
  const states = state === 'all' ? undefined : state.split(',').map(stateOf);
  const limit = Number(given);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    throw wrongUsage(`--limit: "${given}" is no number from 1 to ${LIMIT_MAX}.`);
  await withHouse(readSettings(), async ({ store, now }) => {
    const found = (await listRaw(store, { states, inbox }, { limit })).map(viewRaw);
    if (command.optsWithGlobals<Globals>().json) return sayJson(found);
    if (found.length === 0) return say(states ? `nothing is ${states.join(' or ')}` : 'nothing has arrived');
    const rows = found.map((row) => [
      row.id,
      row.inbox,
      row.state,
      ago(new Date(row.recordedAt), now()),
      String(row.attempts),
      row.lastError ? `${row.lastError.code}: ${row.lastError.message}` : '',
    ]);
    say(table(['ID', 'INBOX', 'STATE', 'RECORDED', 'TRIES', 'WHY'], rows));
    remark('look closer: earshot raw show ID; once more: earshot replay ID');
  });
}

function stateOf(given: string): RawState {
  const state = RAW_STATES.find((candidate) => candidate === given.trim());
  if (state) return state;
  throw wrongUsage(`--state: "${given}" is no state; there are ${RAW_STATES.join(', ')}, or all.`);
}

export async function show(
  id: string,
  { body, as }: { body?: boolean; as?: string },
  command: Command,
): Promise<void> {
  if (body && !as) throw wrongUsage('--body opens what a customer sent: say who does with --as ADDRESS.');
  await withHouse(readSettings(), async (house) => {
    const _id = rawId(id);
    if (body) return showBody(house, _id, as!);
    const row = await readRaw(house.store, _id);
    if (!row) throw new CliError('raw_unknown', 'There is no such delivery, or its retention has ended.');
    const { json } = command.optsWithGlobals<Globals>();
    say(JSON.stringify(viewRaw(row), null, json ? undefined : 2));
  });
}

async function showBody(house: House, id: mongoose.Types.ObjectId, as: string): Promise<void> {
  const actor = await agentWho(house, as, 'raw.open');
  const shown = await showRaw({ ...house, audit: createAudit(house.store) }, id, actor.toHexString());
  if (!shown.ok) throw new CliError(shown.code, shown.message);
  const bytes = shown.raw.body.open();
  bytes.pipe(process.stdout, { end: false });
  await finished(bytes);
}

export async function edit(id: string, { as }: { as: string }, command: Command): Promise<void> {
  const body = await buffer(process.stdin);
  await withHouse(readSettings(), async (house) => {
    const actor = await agentWho(house, as, 'raw.open');
    const edited = await editRaw({ ...house, audit: createAudit(house.store) }, rawId(id), body, actor);
    if (!edited.ok) throw new CliError(edited.code, edited.message);
    if (command.optsWithGlobals<Globals>().json) return sayJson(viewRaw(edited.raw));
    say(`${id} has a new body of ${body.length} bytes; process it: earshot replay ${id}`);
  });
}

function rawId(given: string): mongoose.Types.ObjectId {
  if (mongoose.isObjectIdOrHexString(given)) return new mongoose.Types.ObjectId(given);
  throw new CliError('raw_unknown', `"${given}" is no id of a delivery.`);
}

/** Whoever touches an original is named in the audit, and must be allowed to. */
async function agentWho({ store }: House, given: string, permission: Permission) {
  const wanted = given.trim().toLowerCase();
  const agents = (await listAgents(store)).filter((agent) => !agent.revokedAt);
  const found = agents.find(({ _id, email }) => email === wanted || _id.toHexString() === wanted);
  if (!found) throw new CliError('agent_unknown', `There is no agent ${given}; see "earshot agent list".`);
  if (may(found.role, permission)) return found._id;
  throw new CliError('permission_missing', `${found.email} is ${found.role}: that needs an admin.`);
}
