import { isDeepStrictEqual } from 'node:util';
import type { ChannelType, ProviderDefaults } from '../contract/index.ts';
import type { InboxView } from '../inboxes/index.ts';
import { joinSecrets } from '../inboxes/split-secrets.ts';

/** In place of a stored secret: whether it is there matters here, not what it is. */
const STORED = '(stored)';

/**
 * Names of the variables that an inbox takes fields from. They are not stored with it: whoever opens it, the running
 * server too, reads them from an environment of its own.
 */
export function variablesTaken(
  type: ChannelType,
  { config, secrets }: Pick<InboxView, 'config' | 'secrets'>,
  provider: ProviderDefaults,
): string[] {
  const stored = joinSecrets(config, Object.fromEntries(secrets.map((path) => [path, STORED])));
  const complete = (given: ProviderDefaults) => type.defaults?.(stored, given) ?? stored;
  const whole = complete(provider);
  return Object.keys(provider).filter(
    (name) =>
      provider[name] !== undefined && !isDeepStrictEqual(complete({ ...provider, [name]: undefined }), whole),
  );
}
