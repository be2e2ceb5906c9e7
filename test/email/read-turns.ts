const MICROSECONDS_PER_MS = 1000;

/**
 * Watches how long the event loop is kept from its next turn, in processor time of this thread, so that a busy
 * machine does not make the figure worse. `stop` gives the longest one in milliseconds.
 */
export function watchTurns(): { stop(): number } {
  let longest = 0;
  let running = true;
  let last = used();
  const turn = (): void => {
    const now = used();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  return {
    stop() {
      running = false;
      return Math.max(longest, used() - last);
    },
  };
}

function used(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / MICROSECONDS_PER_MS;
}
