import { z } from 'zod';
import type { KnownContact } from '../../contacts/read-contact.ts';
import { IDENTITY_KINDS } from '../../contract/index.ts';
import { idSchema, timeSchema } from './common.ts';

const identityView = z
  .object({
    kind: z.enum(IDENTITY_KINDS),
    value: z.string(),
    name: z.string().optional(),
    proof: z.enum(['claimed', 'channel']),
    since: timeSchema,
    optedOut: z.array(z.string()).describe('Inboxes from which this address wants nothing more'),
  })
  .meta({ id: 'Identity' });

export const contactView = z
  .object({
    id: idSchema,
    name: z.string().nullable(),
    identities: z.array(identityView),
    createdAt: timeSchema.nullable(),
  })
  .meta({ id: 'Contact' });

/** As a ticket shows it. */
export const briefContactView = z
  .object({
    id: idSchema,
    name: z.string().nullable(),
    identities: z.array(z.object({ kind: z.enum(IDENTITY_KINDS), value: z.string() })),
  })
  .meta({ id: 'BriefContact' });

export function viewContact(contact: KnownContact): z.output<typeof contactView> {
  return {
    id: contact.id.toHexString(),
    name: contact.name ?? null,
    identities: contact.identities.map(({ kind, value, name, proof, since, consent = {} }) => ({
      kind,
      value,
      ...(name ? { name } : {}),
      proof,
      since: since.toISOString(),
      optedOut: Object.keys(consent).filter((inbox) => consent[inbox]!.optedOut),
    })),
    createdAt: contact.createdAt?.toISOString() ?? null,
  };
}

export function viewBriefContact(contact: KnownContact): z.output<typeof briefContactView> {
  return {
    id: contact.id.toHexString(),
    name: contact.name ?? null,
    identities: contact.identities.map(({ kind, value }) => ({ kind, value })),
  };
}
