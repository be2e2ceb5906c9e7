import type { ChannelKind, ChannelType } from '../src/contract/index.ts';

/** Every channel there is. Loaded when asked for: a command that reads one mail needs no SDK of another provider. */
const LOADERS = {
  email: async () => (await import('./email/index.ts')).email,
  sms: async () => (await import('./sms/index.ts')).sms,
} as const satisfies Partial<Record<ChannelKind, () => Promise<ChannelType>>>;

export type OfferedKind = keyof typeof LOADERS;

/** The kinds of inbox that can be added. */
export const OFFERED_KINDS = Object.keys(LOADERS) as OfferedKind[];

/** undefined: there is no such kind. */
export async function loadChannel(kind: string): Promise<ChannelType | undefined> {
  return Object.hasOwn(LOADERS, kind) ? await LOADERS[kind as OfferedKind]() : undefined;
}

export async function loadChannels(): Promise<ChannelType[]> {
  return Promise.all(OFFERED_KINDS.map((kind) => LOADERS[kind]()));
}
