import type { EarshotProcess } from '../support/earshot.ts';

/** Sum of the samples of one metric whose labels are these. */
export async function metric(
  earshot: EarshotProcess,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const { body } = await earshot.api('GET', '/metrics');
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return (body as string)
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
