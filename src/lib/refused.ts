/** What a room answers when it does not do what was asked: a stable code, the HTTP status for it, and what to do. */
export interface Refused {
  ok: false;
  status: 404 | 409 | 413 | 422;
  code: string;
  message: string;
  /** Facts that help to decide, shown beside the message. */
  details?: Record<string, unknown>;
}

export function refuse(
  status: Refused['status'],
  code: string,
  message: string,
  details?: Record<string, unknown>,
): Refused {
  return { ok: false, status, code, message, ...(details ? { details } : {}) };
}
