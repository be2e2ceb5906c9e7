/** Who may do what, in one place: a role is a list of permissions, a route names the one that it needs. */
export const ROLES = ['viewer', 'agent', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const PERMISSIONS = [
  'tickets.read',
  'tickets.write',
  'inboxes.read',
  'inboxes.manage',
  'raw.read',
  'raw.replay',
  /** Open, or replace, the sealed original of what a customer sent. Leaves an audit line. */
  'raw.open',
  'agents.manage',
  'audit.read',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const VIEWER: readonly Permission[] = ['tickets.read', 'inboxes.read'];
const AGENT: readonly Permission[] = [...VIEWER, 'tickets.write'];

export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: VIEWER,
  agent: AGENT,
  admin: PERMISSIONS,
};

export function may(role: Role, permission: Permission): boolean {
  return ROLE_PERMISSIONS[role].includes(permission);
}
