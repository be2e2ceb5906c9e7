import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Standard output: what was asked for. */
export const say = (line: string): void => void process.stdout.write(`${line}\n`);
/** Standard error: what is being done, and what one should know. */
export const remark = (line: string): void =>
  void process.stderr.write(`${paint('dim', line, process.stderr)}\n`);
export const sayJson = (value: unknown): void => say(JSON.stringify(value));

/** Colours only where a person looks: not into a pipe, not under NO_COLOR. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream, validateStream: true });
}

/** Columns as wide as their widest cell, heads in bold. */
export function table(heads: string[], rows: string[][]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  return [paint('bold', line(heads)), ...rows.map(line)].join('\n');
}

/** "3 min ago": for people; JSON has the time itself. */
export function ago(at: Date | undefined, now: Date): string {
  if (!at) return 'never';
  const seconds = Math.max(0, Math.round((now.getTime() - at.getTime()) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}
