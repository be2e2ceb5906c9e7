import { readFile } from 'node:fs/promises';

/** Clock ticks of /proc/PID/stat a second (Linux: always 100 for user space). */
const TICKS = 100;

export interface Cost {
  /** CPU used so far, in milliseconds. */
  cpuMs: number;
  /** Resident memory now, in MB. */
  rssMb: number;
}

/** What a process has used, as the kernel counts it. Linux only. */
export async function costOf(pid: number): Promise<Cost> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS,
    rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
  };
}

const SAMPLE_MS = 100;

/** Follows the peak of resident memory until stopped. */
export function watchPeak(pid: number): () => number {
  let peak = 0;
  const timer = setInterval(async () => {
    const cost = await costOf(pid).catch(() => undefined);
    if (cost) peak = Math.max(peak, cost.rssMb);
  }, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    return peak;
  };
}
