import type { Command } from 'commander';
import type { OfferedKind } from '../../channels/index.ts';
import type { Body, Channel, Envelope, InboxId, RawId } from '../contract/index.ts';
import { CliError } from './errors.ts';
import { sayJson } from './output.ts';
import { collectHeader } from './read-argument.ts';

const HOOK_URL = 'http://localhost/hooks/inspect';
const JSON_START = new Set(['{', '[']);

interface Options {
  config?: string;
  header?: Record<string, string>;
}

export function registerInspect(program: Command): void {
  program
    .command('inspect <kind> <file...>')
    .description('how a mail or a webhook body is read: one JSON line a file, nothing is stored or sent')
    .option('--config <json>', 'of the inbox: JSON in place, @FILE (default: a stand-in)')
    .option('--header <header>', "of the request, as 'Name: value'; repeatable", collectHeader)
    .action(inspect);
}

async function inspect(kind: string, files: string[], options: Options): Promise<void> {
  const [{ channelType, openOffline }, { bodyOfFile }] = await Promise.all([
    import('./offline-channel.ts'),
    import('./read-file.ts'),
  ]);
  const type = await channelType(kind);
  const config = await configFor(kind as OfferedKind, options.config);
  const channel = openOffline(type, config, HOOK_URL);
  const own = (type.ownAddresses?.(config) ?? []).map((address) => address.value);
  for (const file of files) {
    try {
      const body = await bodyOfFile(file);
      const envelope = envelopeOf(channel, body, own, options.header ?? {});
      const { events } = await channel.normalise({
        id: '0'.repeat(24) as RawId,
        inbox: 'inspect' as InboxId,
        envelope,
        body,
        receivedAt: new Date(),
      });
      sayJson({ file, events });
    } catch (error) {
      sayJson({ file, error: describe(error) });
      process.exitCode = 1;
    }
  }
  await channel.close();
}

async function configFor(kind: OfferedKind, given: string | undefined): Promise<unknown> {
  const { channelType, checkConfig } = await import('./offline-channel.ts');
  const type = await channelType(kind);
  if (given === undefined) {
    const { STAND_IN_CONFIGS } = await import('./stand-in-configs.ts');
    return checkConfig(type, STAND_IN_CONFIGS[kind], {});
  }
  const [{ readEnv }, { readObject }] = await Promise.all([
    import('../../config/env.ts'),
    import('./read-argument.ts'),
  ]);
  return checkConfig(type, await readObject('--config', given), readEnv().provider);
}

/** A channel with a webhook gets its bytes by HTTP, any other by mail. */
function envelopeOf(
  { webhook }: Channel,
  body: Body,
  own: string[],
  headers: Record<string, string>,
): Envelope {
  if (!webhook) return { via: 'imap', to: own };
  if (body.size > webhook.maxBodyBytes)
    throw new CliError('body_too_large', `A body here has at most ${webhook.maxBodyBytes} bytes.`);
  return {
    via: 'http',
    method: 'POST',
    path: new URL(HOOK_URL).pathname,
    headers: { 'content-type': guessType(body.bytes), ...headers },
  };
}

function guessType(bytes: Buffer | undefined): string {
  const start =
    bytes
      ?.toString('utf8', 0, 64)
      .replace(/^\uFEFF/, '')
      .trimStart()[0] ?? '';
  return JSON_START.has(start) ? 'application/json' : 'application/x-www-form-urlencoded';
}

function describe(error: unknown): { code: string; message: string } {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return { code: typeof code === 'string' ? code : 'unknown_error', message: String(message ?? error) };
}
