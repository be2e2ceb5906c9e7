/** What an operator writes for an email inbox, and what of it is secret. */
import { z } from 'zod';
import type { ProviderDefaults } from '../../src/contract/index.ts';

const IMAP_TLS_PORT = 993;
const IMAP_PORT = 143;
const SMTP_TLS_PORT = 465;
const SMTP_PORT = 587;
const PORT_MAX = 65_535;

const host = z
  .string('Name the server, as in "imap.example.com".')
  .min(1, 'Name the server, as in "imap.example.com".');
const port = z.int('A port is a whole number from 1 to 65535.').min(1).max(PORT_MAX);

/** For servers with a certificate of their own. Leave it out for every public provider. */
const tls = z
  .strictObject({
    /** PEM of the authority that signed the server's certificate. */
    ca: z.string().optional(),
    /** The name in the certificate, where it is not `host`. */
    servername: z.string().optional(),
    /** false trusts any certificate: for test servers only. */
    rejectUnauthorized: z.boolean().optional(),
  })
  .optional();

/** Gmail and Outlook take no passwords: a refresh token of an OAuth 2 client, exchanged for access tokens (RFC 6749, 6). */
export const oauthSchema = z.strictObject({
  tokenUrl: z.url('The token endpoint, as in "https://oauth2.googleapis.com/token".'),
  clientId: z.string().min(1),
  clientSecret: z.string().min(1).optional(),
  refreshToken: z.string().min(1),
  scope: z.string().optional(),
});
export type OAuthConfig = z.infer<typeof oauthSchema>;

export const imapSchema = z
  .strictObject({
    host,
    port: port.optional(),
    /** TLS from the first byte; false: STARTTLS where the server offers it. */
    secure: z.boolean().default(true),
    user: z.string().min(1, 'The login name of the mailbox, often its address.'),
    pass: z.string().min(1).optional(),
    oauth: oauthSchema.optional(),
    /** The first is watched by IDLE, the others are polled. */
    folders: z.array(z.string().min(1)).min(1).default(['INBOX']),
    /** Only mail that the server took in on or after this day. Without it the whole mailbox is read. */
    since: z.iso.date('A day, as in "2026-11-24".').optional(),
    /** Sets \Seen once a mail is recorded; otherwise flags are never touched. */
    markSeen: z.boolean().default(false),
    tls,
  })
  .refine((imap) => (imap.pass === undefined) !== (imap.oauth === undefined), {
    path: ['pass'],
    error: 'Give either "pass" or "oauth".',
  })
  .transform((imap) => ({ ...imap, port: imap.port ?? (imap.secure ? IMAP_TLS_PORT : IMAP_PORT) }));
export type ImapConfig = z.infer<typeof imapSchema>;

export const smtpSchema = z
  .strictObject(
    {
      host,
      port: port.optional(),
      /** TLS from the first byte (465); false: STARTTLS where the server offers it. */
      secure: z.boolean().default(false),
      user: z.string().min(1).optional(),
      pass: z.string().min(1).optional(),
      oauth: oauthSchema.optional(),
      tls,
    },
    {
      error: (issue) =>
        typeof issue.input === 'string'
          ? 'SMTP_URL is not understood; write "smtp://user:pass@host:587" or "smtps://user:pass@host:465".'
          : undefined,
    },
  )
  .refine((smtp) => smtp.user === undefined || (smtp.pass === undefined) !== (smtp.oauth === undefined), {
    path: ['pass'],
    error: 'A "user" needs either "pass" or "oauth".',
  })
  .transform((smtp) => ({ ...smtp, port: smtp.port ?? (smtp.secure ? SMTP_TLS_PORT : SMTP_PORT) }));
export type SmtpConfig = z.infer<typeof smtpSchema>;

const address = z.email('An email address, as in "support@example.com".').max(254);

export const emailConfigSchema = z
  .strictObject({
    /** Customers write here; replies come from here. */
    address,
    /** The name beside the address on replies. */
    name: z.string().max(100).optional(),
    /** Further addresses that lead into this inbox. */
    aliases: z.array(address).optional(),
    imap: imapSchema.optional(),
    smtp: smtpSchema.optional(),
    /** Take mail straight in by SMTP. Inboxes with the same port share one listener, routed by recipient. 0: any free port. */
    listen: z.strictObject({ port: z.int().min(0).max(PORT_MAX) }).optional(),
    /** authserv-id of our own border mail server, whose Authentication-Results are believed (RFC 8601, section 5). */
    trustedAuthserv: z.string().min(1).optional(),
    /** Signs what we send, where the mail server does not. */
    dkim: z
      .strictObject({
        domain: z.string().min(1),
        selector: z.string().min(1),
        /** PEM. */
        privateKey: z.string().min(1),
      })
      .optional(),
  })
  .refine((config) => config.imap !== undefined || config.listen !== undefined, {
    error: 'Give "imap" (a mailbox to read) or "listen" (a port to take mail on).',
  });
export type EmailConfig = z.infer<typeof emailConfigSchema>;

export const EMAIL_SECRETS = [
  'imap.pass',
  'imap.oauth.clientSecret',
  'imap.oauth.refreshToken',
  'smtp.pass',
  'smtp.oauth.clientSecret',
  'smtp.oauth.refreshToken',
  'dkim.privateKey',
] as const;

/** `SMTP_URL` (`smtp://` or `smtps://user:pass@host:port`) stands in for an inbox without `smtp`. */
export function withSmtpUrl(
  config: Record<string, unknown>,
  provider: ProviderDefaults,
): Record<string, unknown> {
  const given = provider.SMTP_URL;
  if (config.smtp !== undefined || !given) return config;
  const url = URL.parse(given);
  // Left for the schema to refuse: an operator who set SMTP_URL wants to know that it is not understood.
  if (!url || !['smtp:', 'smtps:'].includes(url.protocol)) return { ...config, smtp: given };
  return {
    ...config,
    smtp: {
      host: url.hostname,
      secure: url.protocol === 'smtps:',
      ...(url.port ? { port: Number(url.port) } : {}),
      ...(url.username ? { user: decodeURIComponent(url.username) } : {}),
      ...(url.password ? { pass: decodeURIComponent(url.password) } : {}),
    },
  };
}
