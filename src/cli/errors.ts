/** What a command could not do, in a sentence that says what to do. Exit code 1; 2 where the call itself was wrong. */
export class CliError extends Error {
  readonly code: string;
  readonly exitCode: 1 | 2;
  constructor(code: string, message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.name = 'CliError';
    this.code = code;
    this.exitCode = exitCode;
  }
}

export const wrongUsage = (message: string) => new CliError('wrong_usage', message, 2);
