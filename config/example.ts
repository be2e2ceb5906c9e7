import { mayBeFile } from './env.ts';
import { PROVIDER_VARIABLES, VARIABLES, type Variable } from './variables.ts';

const HEAD = `# Every variable that Earshot reads. All may stay away. Written by \`node config/write-example.ts\`.
# Where NAME_FILE is named too, it gives the path of a file that holds the value.
`;

/** The text of .env.example. */
export function renderExample(): string {
  const own = Object.values(VARIABLES).map(paragraph);
  return [
    HEAD,
    ...own,
    '# What inboxes fall back to, under the names of the providers\n',
    ...PROVIDER_VARIABLES.map(paragraph),
  ].join('\n');
}

function paragraph(variable: Variable): string {
  const lines = [`# ${variable.about}`];
  if (variable.otherwise) lines.push(`# When absent: ${variable.otherwise}.`);
  if (mayBeFile(variable)) lines.push(`# Or ${variable.name}_FILE.`);
  lines.push(`#${variable.name}=${variable.example}`);
  return `${lines.join('\n')}\n`;
}
