import { join, resolve } from 'node:path';
import { type Env, readEnv, readEnvWith } from '../../../config/env.ts';
import { openServices, type Services } from '../../embedded/index.ts';
import { freePort } from '../../embedded/ports.ts';
import type { Log } from '../../lib/log.ts';
import { openHouse, ROLES } from '../../main.ts';
import { openStore } from '../../store/connect.ts';
import { CliError } from '../errors.ts';
import { followMessages } from '../follow-messages.ts';
import { paint, remark, say } from '../output.ts';
import { serve } from '../serve.ts';
import { findServer } from '../server-file.ts';
import { DEFAULT_FOLDER, DEMO_FOLDER } from '../settings.ts';
import { listenForSignals } from '../signals.ts';
import { wordsOf } from '../tail-words.ts';
import { wordyLog } from '../with-house.ts';
import { type Desk, sendSamples } from './customers.ts';
import { DESK_ADDRESS, type FarSide } from './far-side.ts';
import { type Furniture, furnish, MAIL_INBOX, SMS_INBOX } from './furnish.ts';
import { startMailSink } from './mail-sink.ts';
import { startSmsProvider } from './sms-provider.ts';

const MAIL_PORT = 2525;

/** Runs Earshot with sample inboxes, agents and customers, on data of its own, until a signal ends it. */
export async function runDemo(): Promise<void> {
  const env = await settings();
  remark(`Earshot demo: its data is in ${env.dataDir}`);
  const log = await wordyLog('warn');
  const asked = listenForSignals(log);
  remark('MongoDB and Redis: looking for them');
  const services = await openServices({ ...env, log: remark });
  const farSides: FarSide[] = [];
  try {
    if (asked.signal.aborted) return;
    const sink = await startMailSink(showOut);
    farSides.push(sink);
    const reroute = (url: string) => url.replace(env.publicUrl, `http://127.0.0.1:${env.port}`);
    const provider = await startSmsProvider(showOut, reroute);
    farSides.push(provider);
    const mailPort = await freePort(MAIL_PORT);
    const house = await openHouse({ env, log, services });
    let furniture: Furniture;
    try {
      furniture = await furnish(house, { mail: mailPort, sink: sink.port, sms: provider.port });
    } finally {
      await house.close();
    }
    remark('Earshot: starting');
    await serve({
      env,
      roles: ROLES,
      log,
      services,
      asked,
      ready: async (url, signal) => {
        const desk = {
          url,
          hookUrl: `${url}/hooks/${SMS_INBOX}`,
          publicHookUrl: `${env.publicUrl}/hooks/${SMS_INBOX}`,
          mailPort,
        };
        explain(desk, furniture);
        void showMessages(services, signal, log).catch((err) => log.warn({ err }, 'messages are not shown'));
        if (furniture.isNew) remark(`${await sendSamples(desk, signal)} sample messages were taken in`);
      },
    });
  } finally {
    for (const farSide of farSides) await farSide.close();
    await services.close();
  }
}

/** A folder of its own below the usual one, and another port where the usual one is taken. */
async function settings(): Promise<Env> {
  const given = readEnv();
  const isDefault = given.dataDir === resolve(DEFAULT_FOLDER);
  const dataDir = isDefault ? join(given.dataDir, DEMO_FOLDER) : given.dataDir;
  const running = findServer(dataDir);
  if (running)
    throw new CliError('server_running', `The demo runs already: ${running.url} (process ${running.pid}).`);
  const port = await freePort(given.port);
  if (port !== given.port) remark(`port ${given.port} is taken; the demo uses ${port}`);
  return Object.freeze({ ...readEnvWith({ PORT: String(port) }), dataDir });
}

const showOut = (line: string): void => say(paint('cyan', `          ${line}`));

/** Every message and every change of an answer, as `earshot tail` shows them. */
async function showMessages(services: Services, signal: AbortSignal, log: Log): Promise<void> {
  const store = await openStore(services.mongodbUri, { log });
  try {
    for await (const line of followMessages(store, { log, signal })) say(wordsOf(line));
  } finally {
    await store.close();
  }
}

function explain({ url, mailPort }: Desk, { agents }: Furniture): void {
  const [admin, agent] = agents as [Furniture['agents'][number], Furniture['agents'][number]];
  const bearer = `-H 'Authorization: Bearer ${admin.token}'`;
  const head = (text: string) => say(`\n${paint('bold', text)}`);
  head(`Earshot runs: ${url}`);
  say(`  API and its description   ${url}/api/v1   ${url}/api/docs`);
  say(`  inbox ${MAIL_INBOX}        ${DESK_ADDRESS}, taken by SMTP at 127.0.0.1:${mailPort}`);
  say(`  inbox ${SMS_INBOX}         ${url}/hooks/${SMS_INBOX}`);
  for (const { name, role, token } of [admin, agent]) say(`  ${name} (${role})   token ${token}`);
  head('Write to it, as a customer');
  say("  ./script/earshot trigger sms.inbound --text 'Where is my order?'");
  say('  ./script/earshot trigger email.inbound');
  say(
    `  printf 'From: You <you@customer.example>\\nTo: ${DESK_ADDRESS}\\nSubject: Hello\\n\\nDoes anybody hear me?\\n' | curl --url smtp://127.0.0.1:${mailPort} --mail-from you@customer.example --mail-rcpt ${DESK_ADDRESS} --upload-file -`,
  );
  say(
    `  or: swaks --server 127.0.0.1:${mailPort} --from you@customer.example --to ${DESK_ADDRESS} --header 'Subject: Hello' --body 'Does anybody hear me?'`,
  );
  head('Look, and answer');
  say(`  curl -s ${bearer} ${url}/api/v1/tickets`);
  say(
    `  curl -s ${bearer} -H 'Idempotency-Key: 1' -H 'Content-Type: application/json' -d '{"text":"We are on it."}' ${url}/api/v1/tickets/TICKET_ID/replies`,
  );
  head('Messages as they come and go (Ctrl-C ends the demo)');
}
