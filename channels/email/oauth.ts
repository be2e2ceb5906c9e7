/** Access tokens from a refresh token (RFC 6749, section 6), kept until shortly before they end. */
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { ChannelError, type GuardedFetch } from '../../src/contract/index.ts';
import type { OAuthConfig } from './config.ts';

const TOKEN_TIMEOUT_MS = 15_000;
const TOKEN_MAX_BYTES = 64 * 1024;
const LIFETIME_DEFAULT_S = 3_600;
/** A token is not used in its last minute: the login would race its end. */
const EARLY_MS = 60_000;
const RETRY_AFTER_REFUSAL_MS = 15 * 60_000;

const answerSchema = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().optional(),
});

export interface AccessTokens {
  /** A token that is valid as far as is known. Throws ChannelError. */
  get(signal: AbortSignal): Promise<string>;
  /** The server refused the last one: it may have been revoked before its time. */
  forget(): void;
}

export function createAccessTokens(oauth: OAuthConfig, fetch: GuardedFetch, now: () => Date): AccessTokens {
  let known: { token: string; endsAt: number } | undefined;
  async function get(signal: AbortSignal): Promise<string> {
    if (known && known.endsAt - EARLY_MS > now().getTime()) return known.token;
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: oauth.clientId,
      refresh_token: oauth.refreshToken,
      ...(oauth.clientSecret ? { client_secret: oauth.clientSecret } : {}),
      ...(oauth.scope ? { scope: oauth.scope } : {}),
    });
    const response = await fetch(oauth.tokenUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: form.toString(),
      signal,
      maxBytes: TOKEN_MAX_BYTES,
      timeoutMs: TOKEN_TIMEOUT_MS,
      trustedOrigins: [new URL(oauth.tokenUrl).origin],
    });
    const body = await text(response.body);
    if (response.status === 429 || response.status >= 500)
      throw new ChannelError(
        'provider_unavailable',
        'transient',
        `The token endpoint answered ${response.status}.`,
      );
    const answer = response.status < 300 ? answerSchema.safeParse(parseJson(body)) : undefined;
    if (!answer?.success)
      throw new ChannelError(
        'credentials_rejected',
        'transient',
        `The token endpoint refused the refresh token (${response.status}). Authorise the mailbox anew and store the new one.`,
        { retryAfterMs: RETRY_AFTER_REFUSAL_MS },
      );
    const { access_token: token, expires_in: lifetime = LIFETIME_DEFAULT_S } = answer.data;
    known = { token, endsAt: now().getTime() + lifetime * 1000 };
    return token;
  }
  return {
    get,
    forget() {
      known = undefined;
    },
  };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
