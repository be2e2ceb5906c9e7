import type { Readable } from 'node:stream';
import { type ChannelDeps, ChannelError } from '../../src/contract/index.ts';
import { type SmsConfig, TWILIO_API_URL } from './config.ts';
import { basicAuth, reroute } from './rest-client.ts';

/** MMS may have 5 MB; some carriers and other channels of Twilio take more. */
const MEDIA_MAX_BYTES = 25 * 1024 * 1024;
const MEDIA_TIMEOUT_MS = 60_000;

const TWILIO_HOST = /(^|\.)twilio\.com$/;

/**
 * Bytes of one MediaUrl. Twilio wants the account's credentials there and redirects to a signed address of its
 * storage, which must not see them. Other hosts are fetched without credentials.
 */
export async function fetchMedia(
  config: SmsConfig,
  deps: Pick<ChannelDeps, 'fetch'>,
  remote: Record<string, string>,
  signal: AbortSignal,
): Promise<Readable> {
  const { url } = remote;
  if (!url || !URL.canParse(url))
    throw new ChannelError('media_unavailable', 'permanent', 'The message names no address for this file.');
  const target = new URL(url).origin === TWILIO_API_URL ? reroute(url, config.apiBaseUrl) : url;
  const answer = await deps.fetch(target, {
    signal,
    maxBytes: MEDIA_MAX_BYTES,
    timeoutMs: MEDIA_TIMEOUT_MS,
    trustedOrigins: [new URL(config.apiBaseUrl).origin],
    ...(mayKnowUs(config, target)
      ? {
          authorization: basicAuth(
            config.apiKey ?? config.accountSid,
            config.apiKeySecret ?? config.authToken,
          ),
        }
      : {}),
  });
  if (answer.status === 200) return answer.body;
  answer.body.destroy();
  throw failure(answer.status);
}

function mayKnowUs(config: SmsConfig, target: string): boolean {
  const { origin, protocol, hostname } = new URL(target);
  return (
    origin === new URL(config.apiBaseUrl).origin || (protocol === 'https:' && TWILIO_HOST.test(hostname))
  );
}

function failure(status: number): ChannelError {
  const providerCode = `HTTP ${status}`;
  if (status === 401)
    return new ChannelError(
      'credentials_rejected',
      'transient',
      'Twilio rejects the credentials of this inbox.',
      {
        providerCode,
      },
    );
  if (status === 403)
    return new ChannelError('permission_denied', 'permanent', 'Twilio refuses us this file.', {
      providerCode,
    });
  if (status === 429)
    return new ChannelError('rate_limited', 'limited', 'Too many requests to Twilio at a time.', {
      providerCode,
    });
  if (status >= 500)
    return new ChannelError('provider_unavailable', 'transient', 'Twilio cannot hand over the file now.', {
      providerCode,
    });
  return new ChannelError('media_unavailable', 'permanent', 'Twilio has no such file (any more).', {
    providerCode,
  });
}
