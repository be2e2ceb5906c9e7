import { addAgent, issueToken, listAgents, type Role } from '../../agents/index.ts';
import type { Inboxes } from '../../inboxes/index.ts';
import { RAW_INBOUND } from '../../intake/model.ts';
import type { House } from '../../main.ts';
import { ACCOUNT_SID, AUTH_TOKEN, DESK_ADDRESS, DESK_NUMBER } from './far-side.ts';

export const MAIL_INBOX = 'support-mail';
export const SMS_INBOX = 'support-sms';

const AGENTS = [
  { name: 'Ada Admin', email: 'ada@desk.example', role: 'admin' },
  { name: 'Sam Support', email: 'sam@desk.example', role: 'agent' },
] as const satisfies { name: string; email: string; role: Role }[];

export interface Ports {
  /** Where Earshot takes mail. */
  mail: number;
  /** Where its mail ends. */
  sink: number;
  /** Where the stand-in for the SMS provider answers. */
  sms: number;
}

export interface Furniture {
  agents: { name: string; email: string; role: Role; token: string }[];
  /** Nothing has ever arrived. */
  isNew: boolean;
}

/** Sample inboxes and agents; those of an earlier demo on the same data are used again, with the ports of now. */
export async function furnish({ store, openInboxes, now }: House, ports: Ports): Promise<Furniture> {
  const inboxes = await openInboxes();
  await place(inboxes, MAIL_INBOX, 'email', 'Support mailbox', {
    address: DESK_ADDRESS,
    name: 'Desk Support',
    listen: { port: ports.mail },
    smtp: { host: '127.0.0.1', port: ports.sink, secure: false },
  });
  await place(inboxes, SMS_INBOX, 'sms', 'Support number', {
    accountSid: ACCOUNT_SID,
    authToken: AUTH_TOKEN,
    from: DESK_NUMBER,
    apiBaseUrl: `http://127.0.0.1:${ports.sms}`,
  });
  const known = await listAgents(store);
  const agents: Furniture['agents'] = [];
  for (const { name, email, role } of AGENTS) {
    const agent =
      known.find((one) => one.email === email) ?? (await addAgent(store, { name, email, role }, now()));
    agents.push({ name, email, role, token: await issueToken(store, agent._id, now()) });
  }
  const isNew = (await store.collection(RAW_INBOUND).estimatedDocumentCount()) === 0;
  return { agents, isNew };
}

async function place(
  inboxes: Inboxes,
  id: string,
  kind: string,
  name: string,
  config: Record<string, unknown>,
): Promise<void> {
  if (await inboxes.get(id)) await inboxes.update(id, { config, name });
  else await inboxes.add(id, kind, config, name);
}
