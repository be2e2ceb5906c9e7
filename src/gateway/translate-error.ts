import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { AgentError } from '../agents/index.ts';
import { StoreUnavailable } from '../contract/index.ts';
import { InboxError, type InboxErrorCode } from '../inboxes/index.ts';
import { BlobError } from '../store/blobs.ts';
import { translateOutage } from '../store/translate-outage.ts';
import { Problem } from './problem.ts';

/** A client that was told "not now" asks again after this. */
export const RETRY_AFTER_S = 5;
/** MongoDB: the operation took longer than maxTimeMS. */
const TOOK_TOO_LONG = 50;

/** Fastify's own codes, as ours. Anything else of Fastify's with a 4xx is `bad_request`. */
const FRAMEWORK: Record<string, { status: number; code: string; message: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'body_too_large', message: 'The body is too large.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: 'unsupported_media_type',
    message: 'Send JSON, with Content-Type: application/json.',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, code: 'invalid_json', message: 'The body is no JSON.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: 'incomplete_body',
    message: 'The body is shorter or longer than Content-Length says.',
  },
  FST_ERR_BAD_URL: { status: 400, code: 'bad_url', message: 'The URL cannot be decoded.' },
  FST_ERR_MAX_PARAM_LENGTH: { status: 414, code: 'url_too_long', message: 'A part of the URL is too long.' },
};

const INBOX: Record<InboxErrorCode, number> = {
  bad_inbox_id: 422,
  unknown_kind: 422,
  bad_configuration: 422,
  inbox_exists: 409,
  inbox_changed: 409,
  inbox_not_found: 404,
};

const AGENT: Record<AgentError['code'], number> = {
  email_taken: 409,
  agent_unknown: 404,
  agent_revoked: 409,
};

/** What an error is to the one who asked. undefined: a defect of ours, to be logged and answered 500. */
export function translateError(thrown: unknown): Problem | undefined {
  const error = translateOutage(thrown);
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailable)
    return new Problem(
      503,
      'store_unavailable',
      'MongoDB cannot be reached; nothing was changed. Try again.',
      {
        headers: { 'retry-after': String(RETRY_AFTER_S) },
      },
    );
  if (error instanceof InboxError)
    return new Problem(INBOX[error.code], error.code, error.message, { extra: { problems: error.problems } });
  if (error instanceof AgentError) return new Problem(AGENT[error.code], error.code, error.message);
  if (error instanceof BlobError && error.code === 'blob_missing')
    return new Problem(404, 'attachment_missing', 'The bytes of this attachment are not stored any more.');
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.map((issue) => ({
      path: `${error.validationContext}${issue.instancePath.replaceAll('/', '.')}`,
      message: issue.message ?? 'is not valid',
    }));
    const words = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return new Problem(400, 'invalid_request', words, { extra: { errors } });
  }
  const { code, statusCode, message } = error as FastifyError;
  const known = FRAMEWORK[code];
  if (known) return new Problem(known.status, known.code, known.message);
  if (Number(code) === TOOK_TOO_LONG)
    return new Problem(503, 'search_timed_out', 'This search takes too long; narrow it with filters.');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new Problem(statusCode, 'bad_request', message);
  return undefined;
}
