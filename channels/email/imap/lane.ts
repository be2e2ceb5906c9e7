/**
 * Runs many records at once, so that they share a write, yet holds no more than so many mails and bytes in memory.
 * One failing task stops none of the others: `add` and `drain` never reject, every outcome is told to `done`.
 */
export class Lane {
  #running = 0;
  #bytes = 0;
  #wake: (() => void) | undefined;
  readonly #maxCount: number;
  readonly #maxBytes: number;

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  /** Resolves as soon as there is room for the next task. */
  async add(bytes: number, task: () => Promise<unknown>, done: (error?: unknown) => void): Promise<void> {
    this.#running++;
    this.#bytes += bytes;
    task()
      .then(
        () => done(),
        (error) => done(error ?? new Error('failed without a reason')),
      )
      .finally(() => {
        this.#running--;
        this.#bytes -= bytes;
        this.#wake?.();
      });
    while (this.#running >= this.#maxCount || this.#bytes >= this.#maxBytes) await this.#change();
  }

  async drain(): Promise<void> {
    while (this.#running > 0) await this.#change();
  }

  /** One waiter at a time: a lane has one owner. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
