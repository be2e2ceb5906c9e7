import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  AGENTS,
  type AgentDoc,
  addAgent,
  createAuthenticator,
  INDEXES,
  issueToken,
  listAgents,
  revokeAgent,
  TOKEN_CACHE_MS,
  TOKENS_MAX,
} from '../../src/agents/index.ts';
import { createLog } from '../../src/lib/log.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { ensureIndexes } from '../../src/store/ensure-indexes.ts';
import { testServices } from '../support/services.ts';

const START = new Date('2026-01-01T00:00:00Z');
const ANNA = { name: 'Anna', email: ' Anna@Desk.example ', role: 'agent' as const };
let store: Store;

beforeAll(async () => {
  store = await openStore(testServices().mongodbUri('agents'), { log: createLog('silent') });
});
beforeEach(async () => {
  await store.db.dropDatabase();
  await ensureIndexes(store, INDEXES);
});
afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
});

test('a token is nowhere in the database: a stolen copy lets nobody in', async () => {
  const agent = await addAgent(store, ANNA, START);
  const token = await issueToken(store, agent._id, START);
  expect(token).toMatch(/^esh_[\w-]{43}$/);
  const stored = JSON.stringify(await store.collection(AGENTS).find().toArray());
  expect(stored).not.toContain(token.slice('esh_'.length));
  const [{ tokens }] = (await store.collection<AgentDoc>(AGENTS).find().toArray()) as [AgentDoc];
  const authenticator = createAuthenticator(store, () => START);
  expect(await authenticator.authenticate(tokens[0]!.hash)).toBeUndefined();
  expect(await authenticator.authenticate(token)).toMatchObject({ name: 'Anna', role: 'agent' });
});

test('one address belongs to one agent, however it is written and however many add it at once', async () => {
  const spellings = ['anna@desk.example', 'ANNA@desk.example', ' anna@DESK.example'];
  const added = await Promise.allSettled(
    spellings.map((email) => addAgent(store, { ...ANNA, email }, START)),
  );
  expect(added.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  for (const result of added)
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'email_taken' });
  expect(await listAgents(store)).toHaveLength(1);
});

test('agents without a token do not collide in the index of tokens', async () => {
  await addAgent(store, ANNA, START);
  await addAgent(store, { ...ANNA, email: 'ben@desk.example' }, START);
  expect(await listAgents(store)).toHaveLength(2);
});

test('a token revoked by another process dies within two seconds', async () => {
  let now = START;
  const here = createAuthenticator(store, () => now);
  const agent = await addAgent(store, ANNA, START);
  const token = await issueToken(store, agent._id, START);
  expect(await here.authenticate(token)).toBeDefined();
  await revokeAgent(store, agent._id, START);
  now = new Date(START.getTime() + TOKEN_CACHE_MS);
  expect(await here.authenticate(token)).toBeUndefined();
  expect(TOKEN_CACHE_MS).toBeLessThanOrEqual(2_000);
});

test('a clock that is set back prolongs no cached answer', async () => {
  let now = START;
  const authenticator = createAuthenticator(store, () => now);
  const agent = await addAgent(store, ANNA, START);
  const token = await issueToken(store, agent._id, START);
  await authenticator.authenticate(token);
  await revokeAgent(store, agent._id, START);
  now = new Date(START.getTime() - 3_600_000);
  expect(await authenticator.authenticate(token)).toBeUndefined();
});

test('revoked agents stay, since messages name them, but get no token any more', async () => {
  const agent = await addAgent(store, ANNA, START);
  const first = await revokeAgent(store, agent._id, START);
  const again = await revokeAgent(store, agent._id, new Date());
  expect(first).toMatchObject({ revokedAt: START, tokens: [] });
  expect(again.revokedAt).toEqual(START);
  await expect(issueToken(store, agent._id, START)).rejects.toMatchObject({ code: 'agent_revoked' });
});

test('tokens do not pile up: the oldest goes when there are too many', async () => {
  const agent = await addAgent(store, ANNA, START);
  const tokens: string[] = [];
  for (let i = 0; i <= TOKENS_MAX; i++) tokens.push(await issueToken(store, agent._id, START));
  const authenticator = createAuthenticator(store, () => START);
  expect(await authenticator.authenticate(tokens[0]!)).toBeUndefined();
  expect(await authenticator.authenticate(tokens.at(-1)!)).toBeDefined();
});

test.each(['', 'esh_', 'x'.repeat(10_000), 'esh_\u0000', '{"$ne":null}'])(
  'a made-up token %# is nobody',
  async (token) => {
    await addAgent(store, ANNA, START);
    expect(await createAuthenticator(store, () => START).authenticate(token)).toBeUndefined();
  },
);
