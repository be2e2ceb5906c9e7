import { setTimeout as delay } from 'node:timers/promises';
import { StoreUnavailable } from '../../src/contract/index.ts';
import { translateOutage } from '../../src/store/translate-outage.ts';

/** How long an outcome that only we know is kept for a MongoDB that is away, and how often it is offered. */
const OUTAGE_PATIENCE_MS = 10 * 60_000;
const OUTAGE_RETRY_MS = 500;

/** What the provider has answered must not be forgotten because MongoDB is away just then. */
export async function patiently<T>(write: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + OUTAGE_PATIENCE_MS;
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!(translateOutage(error) instanceof StoreUnavailable) || performance.now() > deadline) throw error;
      await delay(OUTAGE_RETRY_MS);
    }
  }
}
