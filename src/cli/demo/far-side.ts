/** What the demo's inboxes stand on: accounts of nobody, and addresses that lead nowhere but here. */
export const DESK_ADDRESS = 'support@desk.example';
export const DESK_NUMBER = '+15005550006';
export const ACCOUNT_SID = `AC${'d'.repeat(32)}`;
/** Signs the demo's own webhooks on this machine; opens nothing anywhere. */
export const AUTH_TOKEN = 'demo-auth-token-of-nobody';

/** A stand-in that listens on a loopback port. */
export interface FarSide {
  port: number;
  close(): Promise<void>;
}
