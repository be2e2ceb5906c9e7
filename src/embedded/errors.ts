/** Why no services could be had. Each code is a row of docs/errors.md. */
type ServicesErrorCode =
  | 'mongod_unavailable'
  | 'redis_unavailable'
  | 'mongod_not_runnable'
  | 'download_corrupt'
  | 'service_did_not_start';

/** Carries a stable code and a sentence that says what to do. */
export class ServicesError extends Error {
  readonly code: ServicesErrorCode;

  constructor(code: ServicesErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ServicesError';
    this.code = code;
  }
}
