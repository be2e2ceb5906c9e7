import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refused } from '../lib/refused.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** An answer that is not what was asked for: RFC 9457, with a stable `code` (docs/errors.md has a row for each). */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  /** More members of the answer. */
  readonly extra: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: string,
    message: string,
    { extra = {}, headers = {} }: { extra?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.extra = extra;
    this.headers = headers;
  }
}

/** Throws what a room has refused; lets everything else through. */
export function granted<T extends { ok: true }>(answer: T | Refused): T {
  if (answer.ok) return answer;
  throw new Problem(answer.status, answer.code, answer.message, { extra: answer.details ?? {} });
}

/** The body of a problem, RFC 9457 section 3.1. */
export function problemBody(
  status: number,
  code: string,
  detail: string,
  extra: Record<string, unknown> = {},
) {
  return {
    ...extra,
    type: `urn:earshot:problem:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
  };
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code, message, extra, headers } = problem;
  return reply
    .code(status)
    .headers({ 'x-request-id': request.id, ...headers })
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send({ ...problemBody(status, code, message, extra), requestId: request.id });
}
