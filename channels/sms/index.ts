import type { Channel, ChannelDeps, ChannelType } from '../../src/contract/index.ts';
import { smsCapabilities } from './capabilities.ts';
import { SMS_SECRETS, type SmsConfig, smsConfigSchema, smsDefaults } from './config.ts';
import { fetchMedia } from './fetch-media.ts';
import { normalise, PARSER_VERSION } from './normalise.ts';
import { probe } from './probe.ts';
import { reconcile } from './reconcile.ts';
import { send } from './send.ts';
import { setup } from './setup.ts';
import { triggers } from './triggers.ts';
import { MAX_BODY_BYTES, verify } from './verify.ts';

export { countSegments } from './segments.ts';

/** Twilio reads an empty TwiML document as "say nothing back"; we answer by REST, where it can be tracked. */
const EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

export const sms: ChannelType<SmsConfig> = {
  kind: 'sms',
  configSchema: smsConfigSchema,
  secrets: SMS_SECRETS,
  capabilities: smsCapabilities,
  defaults: smsDefaults,
  open,
  ownAddresses: ({ from }) => (from ? [{ kind: 'phone', value: from }] : []),
  triggers,
  setup,
};

function open(config: SmsConfig, deps: ChannelDeps): Channel {
  const { authToken, accountSid } = config;
  return {
    webhook: {
      maxBodyBytes: MAX_BODY_BYTES,
      verify: (request, body) => verify({ authToken, accountSid, hookUrl: deps.hookUrl }, request, body),
      respond: () => ({ status: 200, headers: { 'content-type': 'text/xml' }, body: EMPTY_TWIML }),
    },
    parserVersion: PARSER_VERSION,
    normalise,
    reconcile: (since, signal) => reconcile(config, deps, since, signal),
    send: (message, signal) => send(config, deps, message, signal),
    fetchMedia: (remote, signal) => fetchMedia(config, deps, remote, signal),
    probe: (signal) => probe(config, deps, signal),
    // Requests end by their own signals; nothing is held open between them.
    close: async () => {},
  };
}
