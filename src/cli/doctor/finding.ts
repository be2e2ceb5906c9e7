/** failed: Earshot cannot do its work. warning: it works, but worse or not for everyone. */
export interface Finding {
  what: string;
  result: 'ok' | 'warning' | 'failed';
  /** What is so, and where it is not well, what to do. */
  detail: string;
}

export const well = (what: string, detail: string): Finding => ({ what, result: 'ok', detail });
export const warn = (what: string, detail: string): Finding => ({ what, result: 'warning', detail });
export const fail = (what: string, detail: string): Finding => ({ what, result: 'failed', detail });

/** What a look gave, or why there was none. */
export async function look(
  what: string,
  work: () => Promise<Finding | Finding[]>,
  otherwise: typeof fail | typeof warn = fail,
): Promise<Finding[]> {
  try {
    return [await work()].flat();
  } catch (error) {
    return [otherwise(what, (error as Error).message)];
  }
}
