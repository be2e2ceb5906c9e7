/** A mail that ended the connection so often is put aside, so that those behind it come in. */
const LOSSES_MAX = 3;

/**
 * Remembers, over connections, amid which mails they broke. Which mail of a batch was to blame nobody knows, so the
 * batch is then fetched mail by mail; a mail that alone breaks the connection again and again is the one.
 */
export class Losses {
  readonly #counts = new Map<string, number>();
  readonly #careful = new Map<string, { from: number; to: number }>();

  /** The connection broke while `from` (and whatever follows it up to `to`) was due. `box` names folder and UIDVALIDITY. */
  note(box: string, from: number, to: number): void {
    const key = `${box}:${from}`;
    const careful = this.#careful.get(box);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#careful.set(box, { from, to: Math.max(to, careful?.to ?? 0) });
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
    const careful = this.#careful.get(box);
    if (!careful || uid < careful.to) return;
    this.#careful.delete(box);
    for (const key of this.#counts.keys()) if (key.startsWith(`${box}:`)) this.#counts.delete(key);
  }
}
