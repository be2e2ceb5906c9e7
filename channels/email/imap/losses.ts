/** A mail that ended the connection so often is put aside, so that those behind it come in. */
const LOSSES_MAX = 3;
/** One loss may be anything; the second amid the same batch makes its mails suspects. */
const LOSSES_SUSPECT = 2;

/**
 * Remembers, over connections, amid which mails they broke. Which mail of a batch was to blame nobody knows, so the
 * batch is then fetched mail by mail; a mail that alone breaks the connection again and again is the one.
 */
export class Losses {
  readonly #counts = new Map<string, number>();
  readonly #careful = new Map<string, { from: number; to: number }>();

  /** The connection broke amid the batch of these UIDs. `box` names folder and UIDVALIDITY. */
  note(box: string, from: number, to: number): void {
    // How far a batch had come says little: what was received and not yet read is lost with the connection.
    const key = from === to ? `${box}:${from}` : `${box}:batch ${from}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    if (from === to || count < LOSSES_SUSPECT) return;
    this.#careful.set(box, { from, to: Math.max(to, this.#careful.get(box)?.to ?? 0) });
  }

  /** Whether this mail must be fetched by itself. */
  single(box: string, uid: number): boolean {
    const careful = this.#careful.get(box);
    return careful !== undefined && uid >= careful.from && uid <= careful.to;
  }

  exhausted(box: string, uid: number): boolean {
    return (this.#counts.get(`${box}:${uid}`) ?? 0) >= LOSSES_MAX;
  }

  /** Everything up to `uid` has been dealt with. */
  passed(box: string, uid: number): void {
    if (this.#counts.size === 0 || uid < (this.#careful.get(box)?.to ?? 0)) return;
    this.#careful.delete(box);
    for (const key of this.#counts.keys()) if (key.startsWith(`${box}:`)) this.#counts.delete(key);
  }
}
