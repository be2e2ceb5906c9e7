export { InboxError, type InboxErrorCode } from './errors.ts';
export { createInboxes, type Inboxes, type InboxView } from './inboxes.ts';
export { type Health, type HealthState, INBOXES, INDEXES } from './model.ts';
export type { OwnAddress } from './own-addresses.ts';
export {
  type ChangeListener,
  createRegistry,
  type InboxChange,
  type OpenInbox,
  type Registry,
  type RegistryDeps,
} from './registry.ts';
