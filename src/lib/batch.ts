/**
 * Group commit: calls that come while a write is under way leave together in the next one. Nobody waits for a
 * clock: an idle batcher writes at once, a busy one writes batches as large as the traffic makes them.
 */
export interface BatchOptions {
  /** Items of one flush at most. */
  maxItems: number;
  /** Flushes under way at once. */
  maxInFlight: number;
}

/** The outcome of one item: its value, or the error that was its alone. */
export type Outcome<R> = { ok: true; value: R } | { ok: false; error: unknown };

/**
 * Returns a function that hands its item to `flush` in company. `flush` answers one outcome an item, in order;
 * when it rejects, every item of that flush rejects with the same error.
 */
export function createBatcher<T, R>(
  flush: (items: T[]) => Promise<Outcome<R>[]>,
  { maxItems, maxInFlight }: BatchOptions,
): (item: T) => Promise<R> {
  let waiting: { item: T; resolve: (value: R) => void; reject: (error: unknown) => void }[] = [];
  let inFlight = 0;
  let scheduled = false;
  // Async, so that a flush that throws at once rejects like any other; thrown here it would end the process.
  const start = async (items: T[]) => flush(items);

  const pump = () => {
    scheduled = false;
    while (waiting.length > 0 && inFlight < maxInFlight) {
      const group = waiting.slice(0, maxItems);
      waiting = waiting.slice(maxItems);
      inFlight += 1;
      start(group.map((entry) => entry.item))
        .then(
          (outcomes) => {
            group.forEach((entry, i) => {
              const outcome = outcomes[i];
              if (outcome?.ok) entry.resolve(outcome.value);
              else entry.reject(outcome ? outcome.error : new Error('flush answered too few outcomes'));
            });
          },
          (error) => {
            for (const entry of group) entry.reject(error);
          },
        )
        .finally(() => {
          inFlight -= 1;
          pump();
        });
    }
  };

  return (item) =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      // One turn of the event loop gathers what one read of the sockets has brought.
      if (!scheduled) {
        scheduled = true;
        setImmediate(pump);
      }
    });
}
