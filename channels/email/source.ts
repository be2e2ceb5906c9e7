import type { ChannelDeps, HealthReport, Source } from '../../src/contract/index.ts';
import type { EmailConfig } from './config.ts';
import { createImapSource } from './imap/source.ts';
import { createListener } from './listen.ts';

/** A poller and a listener are two sources: one process polls, every process may listen. */
export function createSources(
  config: EmailConfig,
  deps: ChannelDeps,
  health: (part: string) => HealthReport,
): Source[] {
  const { imap, listen } = config;
  return [
    ...(imap ? [createImapSource({ ...config, imap }, { ...deps, health: health('imap') })] : []),
    ...(listen ? [createListener({ ...config, listen }, { ...deps, health: health('listen') })] : []),
  ];
}
