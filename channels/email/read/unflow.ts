/** A signature's separator ends in a blank and still ends its line (RFC 3676 section 4.3). */
const SEPARATOR = '-- ';

/**
 * Undoes format=flowed (RFC 3676): lines that end in a blank go on in the next one of the same quote depth.
 * `deleteSpace`: that blank was put there by the sender (DelSp). Linear in the text, whatever it holds.
 */
export function unflow(text: string, deleteSpace: boolean): string {
  const out: string[] = [];
  let open = '';
  let depth = -1;
  const close = (): void => {
    if (depth >= 0) out.push(quoted(depth, open));
    depth = -1;
  };
  for (const line of text.split('\n')) {
    const marks = leadingMarks(line);
    const stuffed = line.charCodeAt(marks) === 0x20 ? 1 : 0;
    const words = line.slice(marks + stuffed);
    if (depth >= 0 && depth !== marks) close();
    if (words === SEPARATOR) {
      close();
      out.push(quoted(marks, words));
      continue;
    }
    const flows = words.endsWith(' ');
    const piece = flows && deleteSpace ? words.slice(0, -1) : words;
    open = depth >= 0 ? open + piece : piece;
    depth = marks;
    if (!flows) close();
  }
  close();
  return out.join('\n');
}

function leadingMarks(line: string): number {
  let marks = 0;
  while (line.charCodeAt(marks) === 0x3e) marks++;
  return marks;
}

const quoted = (depth: number, words: string): string =>
  depth === 0 ? words : `${'>'.repeat(depth)} ${words}`;
