import type { Address } from '../contract/index.ts';

export type OwnAddress = Pick<Address, 'kind' | 'value'>;

/** The addresses of all open inboxes; two inboxes may share one. */
export interface OwnAddresses {
  set(id: string, addresses: readonly OwnAddress[]): void;
  delete(id: string): void;
  has(address: OwnAddress): boolean;
}

export function createOwnAddresses(): OwnAddresses {
  const byInbox = new Map<string, readonly string[]>();
  let all = new Set<string>();
  const gather = () => {
    all = new Set([...byInbox.values()].flat());
  };
  return {
    set(id, addresses) {
      byInbox.set(id, addresses.map(keyOf));
      gather();
    },
    delete(id) {
      byInbox.delete(id);
      gather();
    },
    has: (address) => all.has(keyOf(address)),
  };
}

/** Replies go to a plus form of an inbox's address (support+TOKEN@), which is as much our own. */
function keyOf({ kind, value }: OwnAddress): string {
  return kind === 'email' ? `email:${value.toLowerCase().replace(/\+[^@]*(?=@)/, '')}` : `${kind}:${value}`;
}
