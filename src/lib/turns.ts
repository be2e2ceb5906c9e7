/** What a taker's place in the queue allows. */
export interface Turn {
  /** Resolves once all who took their turn earlier are over. */
  come(): Promise<void>;
  /** Lets the next one come; harmless twice. Whoever takes a turn must say it, also after an error. */
  over(): void;
}

/**
 * For work that runs side by side and has one step that must happen in the order in which the work began. Each call
 * takes the next turn.
 */
export function createTurns(): () => Turn {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const before = last;
    const { promise, resolve } = Promise.withResolvers<void>();
    // Over before its turn has come, it still waits for those before it.
    last = before.then(() => promise);
    return {
      come: async () => {
        await before;
      },
      over: resolve,
    };
  };
}
