import pino, { type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/** Values under these names never reach a log, wherever they hang (two levels deep; log chosen fields, not documents). */
const SECRET_NAMES = [
  'pass',
  'password',
  'authToken',
  'accessToken',
  'appSecret',
  'botToken',
  'channelSecret',
  'token',
  'secret',
  'authorization',
  'cookie',
  'text',
  'body',
];

/** JSON lines on standard output (or `destination`). Every line about a message carries its id as `message` or `raw`. */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[redacted]',
    },
    serializers: { err: describeError },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** An error without what providers' libraries hang onto it (requests with headers, configs with passwords). */
export function describeError(error: unknown): {
  name: string;
  code?: string;
  message: string;
  stack?: string;
} {
  if (!(error instanceof Error)) return { name: 'unknown', message: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    message: error.message,
    ...(error.stack ? { stack: error.stack } : {}),
  };
}
