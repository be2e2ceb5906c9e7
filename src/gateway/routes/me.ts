import { z } from 'zod';
import { PERMISSIONS, ROLE_PERMISSIONS, ROLES } from '../../agents/index.ts';
import type { Api } from '../api.ts';
import { idSchema } from '../views/common.ts';

const meView = z
  .object({
    id: idSchema,
    name: z.string(),
    email: z.string(),
    role: z.enum(ROLES),
    permissions: z.array(z.enum(PERMISSIONS)),
  })
  .meta({ id: 'Me' });

export function meRoutes(api: Api): void {
  api.get(
    '/me',
    {
      config: { permission: 'any' },
      schema: { tags: ['agents'], summary: 'Who you are, and what you may do', response: { 200: meView } },
    },
    async ({ principal: { id, name, email, role } }) => ({
      id: id.toHexString(),
      name,
      email,
      role,
      permissions: [...ROLE_PERMISSIONS[role]],
    }),
  );
}
