import type { OfferedKind } from '../../channels/index.ts';

/**
 * What a channel is opened with to read a file when no config is given. Nothing of it is real; what depends on the
 * inbox's own address (is this mail from ourselves?) needs the real config.
 */
export const STAND_IN_CONFIGS: Record<OfferedKind, Record<string, unknown>> = {
  email: { address: 'support@desk.example', listen: { port: 0 } },
  sms: { accountSid: `AC${'0'.repeat(32)}`, authToken: 'stand-in', from: '+15005550006' },
};
