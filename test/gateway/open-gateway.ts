import type { FastifyInstance, InjectOptions } from 'fastify';
import { INDEXES as AGENT_INDEXES, addAgent, issueToken, ROLES, type Role } from '../../src/agents/index.ts';
import { buildGateway } from '../../src/gateway/build.ts';
import type { GatewayDeps } from '../../src/gateway/deps.ts';
import { INDEXES as AUDIT_INDEXES } from '../../src/store/audit.ts';
import { ensureIndexes } from '../../src/store/ensure-indexes.ts';
import { type Desk, openDesk, SMS_INBOX } from '../support/desk.ts';
import { testServices } from '../support/services.ts';
import { inboundParams, type SignedRequest, signedSms } from '../support/signed-sms.ts';
import { until } from '../support/until.ts';

export const PUBLIC_URL = 'https://desk.example';
export const HOOK_URL = `${PUBLIC_URL}/hooks/support-sms`;

export interface TestGateway {
  app: FastifyInstance;
  desk: Desk;
  tokens: Record<Role, string>;
  /** A call of the agent API; answers status, headers and the parsed body. */
  call(method: string, path: string, options?: CallOptions): Promise<CallAnswer>;
  /** What a provider posts, as it arrives behind a proxy. */
  hook(request: SignedRequest): Promise<CallAnswer>;
  /** A customer's SMS that became a ticket; answers the ticket as the list shows it. */
  ticketFrom(sender: string, body: string): Promise<Ticket>;
  close(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what the tests find out
export type Json = any;
export type Ticket = Json;

export interface CallOptions {
  as?: Role | undefined;
  token?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface CallAnswer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  body: Json;
  text: string;
}

export async function openGateway(
  options: { work?: boolean; with?: Partial<GatewayDeps>; services?: Parameters<typeof openDesk>[0] } = {},
): Promise<TestGateway> {
  const desk = await openDesk(options.services ?? testServices(), { work: options.work ?? false });
  await ensureIndexes(desk.store, [...AGENT_INDEXES, ...AUDIT_INDEXES]);
  if (!(await desk.inboxes.get('support-sms'))) await desk.inboxes.add('support-sms', 'sms', SMS_INBOX);
  const tokens = {} as Record<Role, string>;
  for (const role of ROLES) {
    const agent = await addAgent(
      desk.store,
      { name: `The ${role}`, email: `${role}@desk.example`, role },
      new Date(),
    );
    tokens[role] = await issueToken(desk.store, agent._id, new Date());
  }
  const app = await buildGateway({
    ...desk,
    wake: desk.queues.wake,
    publicUrl: PUBLIC_URL,
    version: '0.0.0-test',
    ...options.with,
  });

  const inject = async (request: InjectOptions): Promise<CallAnswer> => {
    const answer = await app.inject(request);
    const isJson = String(answer.headers['content-type']).includes('json');
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: isJson ? answer.json() : undefined,
      text: answer.payload,
    };
  };

  const gateway: TestGateway = {
    app,
    desk,
    tokens,
    call: (method, path, { as = 'agent', token = tokens[as], body, headers } = {}) =>
      inject({
        method: method as 'GET',
        url: path.startsWith('/') ? path : `/api/v1/${path}`,
        headers: { authorization: `Bearer ${token}`, ...headers },
        ...(body === undefined ? {} : { payload: body as object }),
      }),
    hook: ({ url, method, headers, body }) =>
      inject({ method, url: url.replace(PUBLIC_URL, ''), headers, payload: body }),
    async ticketFrom(sender, body) {
      const params = inboundParams({
        accountSid: SMS_INBOX.accountSid,
        from: sender,
        to: SMS_INBOX.from,
        body,
      });
      await gateway.hook(signedSms({ authToken: SMS_INBOX.authToken, url: HOOK_URL, params }));
      return until(async () => {
        const { items } = (await gateway.call('GET', `tickets?q=${encodeURIComponent(sender)}`)).body;
        return items[0]?.messageCount ? items[0] : undefined;
      }, `a ticket of ${sender}`);
    },
    async close() {
      await app.close();
      await desk.close();
    },
  };
  return gateway;
}
