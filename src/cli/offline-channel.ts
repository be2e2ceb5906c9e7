import { loadChannel, OFFERED_KINDS } from '../../channels/index.ts';
import {
  type Channel,
  type ChannelDeps,
  ChannelError,
  type ChannelType,
  type InboxId,
  type ProviderDefaults,
} from '../contract/index.ts';
import { InboxError, wordsOf } from '../inboxes/errors.ts';

type Config = Record<string, unknown>;

/** Throws InboxError `unknown_kind`, which names those that there are. */
export async function channelType(kind: string): Promise<ChannelType> {
  const type = await loadChannel(kind);
  if (type) return type;
  throw new InboxError(
    'unknown_kind',
    `"${kind}" is no kind of inbox; there are: ${OFFERED_KINDS.join(', ')}.`,
  );
}

/** The config, completed from the environment and validated. Throws InboxError with all mistakes. */
export function checkConfig(type: ChannelType, config: Config, provider: ProviderDefaults): unknown {
  const parsed = type.configSchema.safeParse(type.defaults?.(config, provider) ?? config);
  if (parsed.success) return parsed.data;
  throw new InboxError('bad_configuration', ...wordsOf(parsed.error));
}

/** A channel for what needs neither network nor store: to read bytes, and to check signatures. */
export function openOffline(type: ChannelType, config: unknown, hookUrl: string): Channel {
  const quiet = () => {};
  const deps: ChannelDeps = {
    inbox: 'offline' as InboxId,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    now: () => new Date(),
    fetch: async () => {
      throw new ChannelError('connection_failed', 'transient', 'This command stays off the network.');
    },
    cursor: { get: async () => undefined, set: async () => {}, list: async () => [], remove: async () => {} },
    health: { ok: quiet, failing: quiet },
    hookUrl,
    host: '127.0.0.1',
  };
  return type.open(config, deps);
}
