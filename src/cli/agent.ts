import type { Command } from 'commander';
import type { AgentDoc } from '../agents/index.ts';
import { wrongUsage } from './errors.ts';
import { paint, remark, say, sayJson, table } from './output.ts';

type Globals = { json?: boolean };

export function registerAgent(program: Command): void {
  const agent = program.command('agent').description('people and programs that work with tickets');

  agent
    .command('add')
    .description('add an agent')
    .requiredOption('--name <name>', 'as customers and colleagues see it')
    .requiredOption('--email <address>', 'names the agent; one agent an address')
    .option('--role <role>', 'viewer reads, agent also writes on tickets, admin everything', 'agent')
    .option('--token', 'make a bearer token for the API and show it once')
    .action(add);

  agent.command('list').description('all agents').action(list);

  agent
    .command('revoke <agent>')
    .description('end an agent (id or address) and all its tokens')
    .action(revoke);
}

async function rooms() {
  const [agents, { readSettings }, { withHouse }] = await Promise.all([
    import('../agents/index.ts'),
    import('./settings.ts'),
    import('./with-house.ts'),
  ]);
  return { ...agents, readSettings, withHouse };
}

interface AddOptions {
  name: string;
  email: string;
  role: string;
  token?: boolean;
}

async function add({ name, email, role, token: wanted }: AddOptions, command: Command): Promise<void> {
  const { addAgent, issueToken, ROLES, readSettings, withHouse } = await rooms();
  const known = ROLES.find((candidate) => candidate === role);
  if (!known) throw wrongUsage(`--role: "${role}" is no role; there are ${ROLES.join(', ')}.`);
  if (name.trim() === '') throw wrongUsage('--name is empty.');
  if (!/^[^\s@]+@[^\s@]+$/.test(email.trim())) throw wrongUsage(`--email: "${email}" is no mail address.`);
  await withHouse(readSettings(), async ({ store, now }) => {
    const agent = await addAgent(store, { name, email, role: known }, now());
    const id = agent._id.toHexString();
    const token = wanted ? await issueToken(store, agent._id, now()) : undefined;
    if (command.optsWithGlobals<Globals>().json) return sayJson({ id, token });
    say(`agent ${paint('bold', agent.name)} <${agent.email}> (${role}) is added: ${id}`);
    if (!token) return;
    say(`token: ${token}`);
    remark('Keep it now: it is stored as a hash and cannot be shown again.');
  });
}

async function list(_: object, command: Command): Promise<void> {
  const { listAgents, readSettings, withHouse } = await rooms();
  await withHouse(readSettings(), async ({ store }) => {
    const agents = (await listAgents(store)).map(describe);
    if (command.optsWithGlobals<Globals>().json) return sayJson(agents);
    if (agents.length === 0)
      return say('no agent yet; add one: earshot agent add --name N --email E --role admin --token');
    const rows = agents.map(({ id, name, email, role, tokens, revokedAt }) => [
      id,
      name,
      email,
      role,
      revokedAt ? 'revoked' : String(tokens),
    ]);
    say(table(['ID', 'NAME', 'EMAIL', 'ROLE', 'TOKENS'], rows));
  });
}

async function revoke(given: string, _: object, command: Command): Promise<void> {
  const { listAgents, revokeAgent, AgentError, readSettings, withHouse } = await rooms();
  await withHouse(readSettings(), async ({ store, now }) => {
    const agents = await listAgents(store);
    const wanted = given.trim().toLowerCase();
    const found = agents.find(({ _id, email }) => _id.toHexString() === wanted || email === wanted);
    if (!found)
      throw new AgentError('agent_unknown', `There is no agent ${given}; see "earshot agent list".`);
    const agent = describe(await revokeAgent(store, found._id, now()));
    if (command.optsWithGlobals<Globals>().json) sayJson(agent);
    else say(`agent ${agent.name} <${agent.email}> is revoked; its tokens are void`);
  });
}

/** Without the hashes of tokens. */
function describe({ _id, name, email, role, tokens, createdAt, revokedAt }: AgentDoc) {
  return { id: _id.toHexString(), name, email, role, tokens: tokens.length, createdAt, revokedAt };
}
