import type { HealthReport } from '../../src/contract/index.ts';

/**
 * One inbox has several parts that report (poller, listener, sender). It is well only while all are: a working
 * mailbox must not hide that replies are refused.
 */
export function createHealthParts(whole: HealthReport): (part: string) => HealthReport {
  const failing = new Map<string, { code: string; message: string }>();
  return (part) => ({
    ok(detail) {
      failing.delete(part);
      const [other] = failing.values();
      if (other) whole.failing(other.code, other.message);
      else whole.ok(detail);
    },
    failing(code, message) {
      failing.set(part, { code, message });
      whole.failing(code, message);
    },
  });
}
