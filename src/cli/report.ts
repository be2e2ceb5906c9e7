import { CliError } from './errors.ts';
import { paint } from './output.ts';

/**
 * Says on standard error what went wrong: the message alone where the error is one of those that we name (it has a
 * stable code), with its stack where it is not, since then the mistake is ours. Answers the exit code.
 */
export function report(error: unknown, json = false): number {
  const { code, message, stack } = wordsFor(error);
  if (json) process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
  else process.stderr.write(`${paint('red', message, process.stderr)}\n`);
  if (stack && !json) process.stderr.write(`${stack}\n`);
  return error instanceof CliError ? error.exitCode : 1;
}

function wordsFor(error: unknown): { code: string; message: string; stack?: string | undefined } {
  if (!(error instanceof Error)) return { code: 'unknown_error', message: String(error) };
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE')
    return {
      code: 'port_taken',
      message: `Port ${port} is taken by another program: end it, or set PORT to another one.`,
    };
  if (code === 'EACCES' && port)
    return {
      code: 'port_forbidden',
      message: `Port ${port} may not be used by this user: set PORT to one above 1023.`,
    };
  if (typeof code === 'string' || typeof code === 'number')
    return { code: String(code), message: error.message };
  return { code: 'unknown_error', message: error.message, stack: error.stack };
}
