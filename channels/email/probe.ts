/** What `earshot inbox test` tries, step by step: nothing is changed, no mail is taken or sent. */
import type { ChannelDeps, ProbeStep } from '../../src/contract/index.ts';
import type { EmailConfig } from './config.ts';
import { connectImap } from './imap/connect.ts';
import { readFailure } from './imap/failure.ts';
import { IMAP_TIMING } from './imap/timing.ts';
import { createAccessTokens } from './oauth.ts';
import type { Sender } from './send.ts';

export async function* probeEmail(
  config: EmailConfig,
  deps: ChannelDeps,
  sender: Sender | undefined,
  signal: AbortSignal,
): AsyncGenerator<ProbeStep> {
  if (config.imap) yield* probeImap({ ...config, imap: config.imap }, deps, signal);
  if (config.listen)
    yield {
      step: 'listen',
      ok: true,
      detail: `Mail for ${config.address} is taken on port ${config.listen.port}.`,
    };
  if (!sender) {
    yield { step: 'smtp', ok: false, detail: 'No "smtp" and no SMTP_URL: replies cannot be sent.' };
    return;
  }
  yield await probeSmtp(config, sender, signal);
}

async function* probeImap(
  { imap }: EmailConfig & { imap: NonNullable<EmailConfig['imap']> },
  deps: ChannelDeps,
  signal: AbortSignal,
): AsyncGenerator<ProbeStep> {
  const server = `${imap.host}:${imap.port}`;
  let client: Awaited<ReturnType<typeof connectImap>>;
  try {
    const token = imap.oauth && (await createAccessTokens(imap.oauth, deps.fetch, deps.now).get(signal));
    client = await connectImap(imap, token, IMAP_TIMING, signal);
  } catch (error) {
    yield { step: 'imap login', ok: false, detail: readFailure(error).message };
    return;
  }
  try {
    yield { step: 'imap login', ok: true, detail: `${imap.user} is logged in at ${server}.` };
    const there = (await client.list()).map((folder) => folder.path);
    for (const folder of imap.folders) yield await probeFolder(folder, there, client);
  } catch (error) {
    yield { step: 'imap folders', ok: false, detail: readFailure(error).message };
  } finally {
    client.close();
  }
}

async function probeFolder(
  folder: string,
  there: string[],
  client: Awaited<ReturnType<typeof connectImap>>,
): Promise<ProbeStep> {
  const step = `imap folder ${folder}`;
  try {
    const { messages } = (await client.status(folder, { messages: true })) || {};
    return { step, ok: true, detail: `${messages ?? 0} mails.` };
  } catch {
    return { step, ok: false, detail: `Cannot be read. The server has: ${there.join(', ')}.` };
  }
}

async function probeSmtp({ smtp }: EmailConfig, sender: Sender, signal: AbortSignal): Promise<ProbeStep> {
  try {
    await sender.verify(signal);
    const as = smtp?.user ? `, logged in as ${smtp.user}` : '';
    return { step: 'smtp', ok: true, detail: `${smtp?.host}:${smtp?.port} takes our mail${as}.` };
  } catch (error) {
    return { step: 'smtp', ok: false, detail: (error as Error).message };
  }
}
