/** Ascending UIDs as an IMAP sequence set (RFC 9051, section 9): `1,2,3,7` is `1:3,7`. */
export function sequenceSet(uids: readonly number[]): string {
  const parts: string[] = [];
  let start = 0;
  for (let i = 1; i <= uids.length; i++) {
    if (i < uids.length && uids[i] === uids[i - 1]! + 1) continue;
    parts.push(start === i - 1 ? `${uids[start]}` : `${uids[start]}:${uids[i - 1]}`);
    start = i;
  }
  return parts.join(',');
}
