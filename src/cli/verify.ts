import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { wrongUsage } from './errors.ts';
import { sayJson } from './output.ts';
import { collectHeader } from './read-argument.ts';

interface Options {
  config: string;
  url: string;
  method: string;
  header?: Record<string, string>;
}

export function registerVerify(program: Command): void {
  program
    .command('verify <kind>')
    .description('whether a signed request is genuine: its body on standard input; exit code 0 when it is')
    .requiredOption('--config <json>', 'of the inbox: JSON in place or @FILE')
    .requiredOption('--url <url>', 'the whole public URL that the provider called, with its query')
    .option('--method <method>', 'of the request', 'POST')
    .option('--header <header>', "of the request, as 'Name: value'; repeatable", collectHeader)
    .action(verify);
}

async function verify(kind: string, { config: given, url, method, header }: Options): Promise<void> {
  const [{ channelType, checkConfig, openOffline }, { readEnv }, { readObject }] = await Promise.all([
    import('./offline-channel.ts'),
    import('../../config/env.ts'),
    import('./read-argument.ts'),
  ]);
  if (given === '-') throw wrongUsage('--config: standard input is the body here; give the config as @FILE.');
  const parsed = URL.parse(url);
  if (!parsed) throw wrongUsage(`--url: "${url}" is no URL.`);
  const type = await channelType(kind);
  const config = checkConfig(type, await readObject('--config', given), readEnv().provider);
  const { hookUrl, path } = takeApart(url, parsed);
  const channel = openOffline(type, config, hookUrl);
  if (!channel.webhook) throw wrongUsage(`Nobody calls an inbox of kind ${kind}: it has no webhook.`);
  const body = process.stdin.isTTY ? Buffer.alloc(0) : await buffer(process.stdin);
  const request = { via: 'http', method: method.toUpperCase(), path, headers: header ?? {} } as const;
  const { maxBodyBytes } = channel.webhook;
  if (body.length > maxBodyBytes) {
    sayJson({ ok: false, reason: `The body has more than ${maxBodyBytes} bytes.` });
    process.exitCode = 1;
    return;
  }
  const verdict = channel.webhook.verify(request, body);
  if (verdict.ok) return sayJson({ ok: true });
  sayJson({ ok: false, reason: verdict.reason });
  process.exitCode = 1;
}

/** The URL as written, since signatures are made over its letters; a fragment never leaves the provider. */
function takeApart(url: string, parsed: URL): { hookUrl: string; path: string } {
  const [sent] = url.split('#', 1) as [string];
  const queryStart = sent.indexOf('?');
  const query = queryStart === -1 ? '' : sent.slice(queryStart);
  const hookUrl = queryStart === -1 ? sent : sent.slice(0, queryStart);
  return { hookUrl, path: `${parsed.pathname}${query}` };
}
