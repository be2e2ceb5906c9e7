/** Every name of the environment that Earshot knows. env.ts reads it, example.ts writes .env.example from it. */
import { z } from 'zod';

export interface Variable {
  name: string;
  /** What it is for: the comment in .env.example. */
  about: string;
  /** What would be right, to end the sentence "wanted …". */
  wanted: string;
  example: string;
  /** What holds when it is absent, in words. */
  otherwise?: string;
  /** Never shown; may be given as a file too, in NAME_FILE. */
  secret: boolean;
  schema: z.ZodType<unknown, string>;
}

export const SECRET_MIN_CHARS = 32;
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const PORT_MAX = 65_535;
const RETENTION_MAX_DAYS = 3_650;
const HOST_PATTERN = /^[A-Za-z0-9._:-]+$/;

const urlOf = (...schemes: string[]) =>
  z
    .string()
    .refine((value) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value));
const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max);

export const VARIABLES = {
  mongodbUri: {
    name: 'MONGODB_URI',
    about: 'MongoDB 6.0 or newer, best as a replica set (a single member will do).',
    wanted: 'a MongoDB URI',
    example: 'mongodb://127.0.0.1:27017/earshot?replicaSet=rs0',
    otherwise: 'found on PATH or obtained, and run inside EARSHOT_DATA',
    secret: true,
    // Several hosts with ports are no URL to Node, so the driver alone judges the rest.
    schema: z.string().regex(/^mongodb(\+srv)?:\/\/[^/?#\s]+/),
  },
  redisUrl: {
    name: 'REDIS_URL',
    about: 'Redis 6.2 or newer, with maxmemory-policy noeviction.',
    wanted: 'a Redis URL',
    example: 'redis://127.0.0.1:6379/0',
    otherwise: 'found on PATH or obtained, and run inside EARSHOT_DATA',
    secret: true,
    schema: urlOf('redis', 'rediss'),
  },
  host: {
    name: 'HOST',
    about: 'The address that HTTP and SMTP listen on.',
    wanted: 'an address or host name, without a port',
    example: '0.0.0.0',
    otherwise: '127.0.0.1',
    secret: false,
    schema: z.string().regex(HOST_PATTERN),
  },
  port: {
    name: 'PORT',
    about: 'The port of HTTP.',
    wanted: `a number from 1 to ${PORT_MAX}`,
    example: '3000',
    otherwise: '3000',
    secret: false,
    schema: wholeNumber(1, PORT_MAX),
  },
  publicUrl: {
    name: 'PUBLIC_URL',
    about: 'Where providers and customers reach Earshot; the signatures of webhooks are checked against it.',
    wanted: 'an http or https URL without query, fragment or password',
    example: 'https://desk.example.com',
    otherwise: 'http://HOST:PORT',
    secret: false,
    schema: urlOf('http', 'https')
      .transform((value) => new URL(value))
      .refine((url) => !url.search && !url.hash && !url.username && !url.password)
      .transform((url) => url.href.replace(/\/+$/, '')),
  },
  secrets: {
    name: 'EARSHOT_SECRET',
    about:
      'Seals raw records, attachments and credentials. A list, comma separated: the first seals, all of them open.',
    wanted: `secrets of at least ${SECRET_MIN_CHARS} characters each, separated by commas`,
    example: '(the output of: openssl rand -hex 32)',
    otherwise: 'made once and kept in EARSHOT_DATA/secret',
    secret: true,
    schema: z
      .string()
      .transform((value) => value.split(',').map((part) => part.trim()))
      .refine((parts) => parts.every((part) => part.length >= SECRET_MIN_CHARS)),
  },
  dataDir: {
    name: 'EARSHOT_DATA',
    about: 'Where a self-run MongoDB and Redis keep their data, and the secret that was made.',
    wanted: 'a folder',
    example: '/var/lib/earshot',
    otherwise: '.earshot',
    secret: false,
    schema: z.string(),
  },
  cacheDir: {
    name: 'EARSHOT_CACHE',
    about: 'Where programs that were obtained are kept; may be shared by everyone on the machine.',
    wanted: 'a folder',
    example: '/var/cache/earshot',
    otherwise: 'earshot in the cache folder of the user ($XDG_CACHE_HOME or ~/.cache)',
    secret: false,
    schema: z.string(),
  },
  logLevel: {
    name: 'LOG_LEVEL',
    about: 'How much is logged.',
    wanted: `one of ${LOG_LEVELS.join(', ')}`,
    example: 'info',
    otherwise: 'info',
    secret: false,
    schema: z.enum(LOG_LEVELS),
  },
  rawRetentionDays: {
    name: 'RAW_RETENTION',
    about: 'Days for which a delivery is kept exactly as it arrived.',
    wanted: `whole days, from 1 to ${RETENTION_MAX_DAYS}`,
    example: '90',
    otherwise: '90',
    secret: false,
    schema: wholeNumber(1, RETENTION_MAX_DAYS),
  },
} as const satisfies Record<string, Variable>;

/** What inboxes fall back to, under the names that the providers use themselves. Each may be given as NAME_FILE. */
export const PROVIDER_VARIABLES: readonly Variable[] = [
  {
    name: 'TWILIO_ACCOUNT_SID',
    about: 'Twilio account of inboxes (sms, voice, whatsapp) that name none.',
    wanted: 'an account SID, which begins with AC',
    example: 'AC00000000000000000000000000000000',
    secret: false,
    schema: z.string().regex(/^AC[0-9a-zA-Z]+$/),
  },
  {
    name: 'TWILIO_AUTH_TOKEN',
    about: 'Its auth token: checks the signature of webhooks, and signs in when there is no API key.',
    wanted: 'the auth token as the Twilio console shows it, without blanks',
    example: '(32 hexadecimal digits)',
    secret: true,
    schema: z.string().regex(/^\S+$/),
  },
  {
    name: 'TWILIO_API_KEY',
    about: 'API key for calls to Twilio, with its secret below.',
    wanted: 'an API key SID, which begins with SK',
    example: 'SK00000000000000000000000000000000',
    secret: false,
    schema: z.string().regex(/^SK[0-9a-zA-Z]+$/),
  },
  {
    name: 'TWILIO_API_KEY_SECRET',
    about: 'The secret of that API key.',
    wanted: 'the secret as Twilio showed it once, without blanks',
    example: '(32 letters and digits)',
    secret: true,
    schema: z.string().regex(/^\S+$/),
  },
  {
    name: 'TWILIO_API_SECRET',
    about: 'The same under the name that the Twilio CLI gives it; it comes first where both are set.',
    wanted: 'the secret as Twilio showed it once, without blanks',
    example: '(32 letters and digits)',
    secret: true,
    schema: z.string().regex(/^\S+$/),
  },
  {
    name: 'TWILIO_PHONE_NUMBER',
    about: 'The number of SMS inboxes that name neither a number nor a Messaging Service.',
    wanted: 'a number in E.164, or a short code',
    example: '+15551234567',
    secret: false,
    schema: z.string().regex(/^(\+[1-9]\d{4,14}|\d{3,8})$/),
  },
  {
    name: 'TWILIO_MESSAGING_SERVICE_SID',
    about: 'Messaging Service that sends for SMS inboxes without a number of their own.',
    wanted: 'a Messaging Service SID, which begins with MG',
    example: 'MG00000000000000000000000000000000',
    secret: false,
    schema: z.string().regex(/^MG[0-9a-zA-Z]+$/),
  },
  {
    name: 'SMTP_URL',
    about: 'Mail server that sends for email inboxes without an `smtp` of their own.',
    wanted: 'an smtp or smtps URL',
    example: 'smtps://user:password@mail.example.com:465',
    secret: true,
    schema: urlOf('smtp', 'smtps'),
  },
];
