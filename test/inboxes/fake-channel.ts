import { z } from 'zod';
import type { ChannelDeps, ChannelType } from '../../src/contract/index.ts';

export interface FakeConfig {
  address: string;
  imap?: { host: string; pass: string };
  relay?: string;
  quietMs?: number;
}

/** A kind of inbox without a network, and what was opened and closed of it. */
export function fakeType(kind: 'email' | 'sms' = 'email') {
  const opened: { config: FakeConfig; deps: ChannelDeps; closed: number }[] = [];
  const type: ChannelType<FakeConfig> = {
    kind,
    configSchema: z.strictObject({
      address: z.string({ error: 'the address is missing' }),
      imap: z.strictObject({ host: z.string().min(1, 'name the host'), pass: z.string().min(1) }).optional(),
      relay: z.url().optional(),
      quietMs: z.number().optional(),
    }),
    secrets: ['imap.pass'],
    capabilities: {
      text: { format: 'plain', overflow: 'reject' },
      subject: true,
      copies: true,
      media: { maxBytes: 0, maxCount: 0, types: [] },
      receipts: [],
      threading: 'references',
      idempotentSend: false,
    },
    defaults: (config, provider) => ({
      ...(provider.SMTP_URL ? { relay: provider.SMTP_URL } : {}),
      ...config,
    }),
    ownAddresses: (config) => [{ kind: 'email', value: config.address }],
    open(config, deps) {
      const entry = { config, deps, closed: 0 };
      opened.push(entry);
      return {
        parserVersion: 1,
        ...(config.quietMs === undefined
          ? {}
          : { sources: [{ exclusive: true, silentAfterMs: config.quietMs, run: async () => {} }] }),
        normalise: async () => ({ events: [], parts: { read: async () => {} } }),
        async close() {
          entry.closed += 1;
        },
      };
    },
  };
  return { type: type as ChannelType, opened };
}
