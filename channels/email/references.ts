/** Keep the first ids, which name the thread, and the last, which place the mail in it. */
const IDS_MAX = 20;
const IDS_KEPT_EACH_END = 10;
/** A line may have 998 characters (RFC 5322, section 2.1.1); some servers count the unfolded header. */
const CHARS_MAX = 998 - 'References: '.length;
const MESSAGE_ID = /^<[^<>\s]+>$/;
/** Made by us for mails without a Message-ID: nobody else knows them. */
const OWN_STAND_IN = /@missing\.invalid>$/i;

/**
 * The References of an answer (RFC 5322, section 3.6.4): those of the thread, then the mail answered, shortened in
 * the middle. What is no Message-ID is left out.
 */
export function shortenReferences(thread: readonly string[], answered: string | undefined): string[] {
  const all = answered === undefined ? thread : [...thread.filter((id) => id !== answered), answered];
  const ids = [...new Set(all)].filter(
    (id) => MESSAGE_ID.test(id) && !OWN_STAND_IN.test(id) && id.length < CHARS_MAX,
  );
  let kept =
    ids.length > IDS_MAX ? [...ids.slice(0, IDS_KEPT_EACH_END), ...ids.slice(-IDS_KEPT_EACH_END)] : ids;
  // From the middle outwards; the last, which is the mail answered, always stays.
  while (kept.length > 1 && kept.join(' ').length > CHARS_MAX)
    kept = kept.toSpliced(Math.floor((kept.length - 1) / 2), 1);
  return kept;
}
