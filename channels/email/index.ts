import type { ChannelType } from '../../src/contract/index.ts';
import { authenticate } from './authenticate.ts';
import { EMAIL_CAPABILITIES } from './capabilities.ts';
import { EMAIL_SECRETS, type EmailConfig, emailConfigSchema, withSmtpUrl } from './config.ts';
import { createHealthParts } from './health.ts';
import { probeEmail } from './probe.ts';
import { createNormalise, PARSER_VERSION } from './read/normalise.ts';
import { createSender } from './send.ts';
import { createSources } from './source.ts';
import { triggerInbound } from './triggers.ts';

export const email: ChannelType<EmailConfig> = {
  kind: 'email',
  configSchema: emailConfigSchema,
  secrets: EMAIL_SECRETS,
  capabilities: EMAIL_CAPABILITIES,
  defaults: withSmtpUrl,
  ownAddresses: ({ address, aliases = [] }) =>
    [address, ...aliases].map((value) => ({ kind: 'email', value })),
  open(config, deps) {
    const health = createHealthParts(deps.health);
    const { smtp } = config;
    const sender = smtp && createSender({ ...config, smtp }, deps, health('smtp'));
    return {
      sources: createSources(config, deps, health),
      normalise: createNormalise(config),
      parserVersion: PARSER_VERSION,
      authenticate: (raw, signal) => authenticate(raw, { signal, trustedAuthserv: config.trustedAuthserv }),
      ...(sender ? { send: (message, signal) => sender.send(message, signal) } : {}),
      probe: (signal) => probeEmail(config, deps, sender, signal),
      async close() {
        sender?.close();
      },
    };
  },
  triggers: { inbound: triggerInbound },
  setup: ({ address, imap, listen, smtp }) => [
    ...(imap
      ? [`Mail to ${address} is read from ${imap.user} at ${imap.host}; its flags stay as they are.`]
      : []),
    ...(listen
      ? [
          `Let your mail server hand mail for ${address} to port ${listen.port} of this machine (Postfix: transport_maps "${address} smtp:[this host]:${listen.port}").`,
        ]
      : []),
    `Let ${address.replace('@', '+anything@')} lead into the same mailbox: answers and bounces come to such addresses (Postfix: recipient_delimiter = +).`,
    ...(smtp
      ? [`Replies leave through ${smtp.host}:${smtp.port}.`]
      : ['Give the inbox "smtp", or set SMTP_URL, to be able to answer.']),
  ],
};
