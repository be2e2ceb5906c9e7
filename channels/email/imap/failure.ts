import { ChannelError, StoreUnavailable } from '../../../src/contract/index.ts';

export interface ImapFailure {
  /**
   * refused: the login; wait long. store: ours; keep the connection. folder: this folder only. aborted: the end.
   * connection: everything else, connect again.
   */
  kind: 'refused' | 'store' | 'folder' | 'connection';
  code: string;
  message: string;
}

/** Answers to a login that say nothing about the password (RFC 5530). */
const TEMPORARY_CODES = ['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG'];

/** What an error of imapflow, of the store or of a token endpoint means for the poller. Pure. */
export function readFailure(error: unknown): ImapFailure {
  if (error instanceof StoreUnavailable || codeOf(error) === 'store_unavailable')
    return { kind: 'store', code: 'store_unavailable', message: messageOf(error) };
  if (error instanceof ChannelError) {
    const kind = error.code === 'credentials_rejected' ? 'refused' : 'connection';
    return { kind, code: error.code, message: error.message };
  }
  const answer = error as {
    authenticationFailed?: boolean;
    serverResponseCode?: string;
    responseText?: string;
    response?: unknown;
    mailboxMissing?: boolean;
    responseStatus?: string;
    path?: string;
  };
  const words =
    answer?.responseText ?? (typeof answer?.response === 'string' ? answer.response : messageOf(error));
  const said = words.replace(/\.$/, '');
  if (answer?.authenticationFailed) {
    const temporary =
      TEMPORARY_CODES.includes(answer.serverResponseCode?.toUpperCase() ?? '') || /temporar/i.test(said);
    return temporary
      ? {
          kind: 'connection',
          code: 'provider_unavailable',
          message: `The login is not possible now: ${said}.`,
        }
      : {
          kind: 'refused',
          code: 'credentials_rejected',
          message: `The mail server refuses the login: ${said}. Check user and password, then store them anew.`,
        };
  }
  if (answer?.mailboxMissing)
    return { kind: 'folder', code: 'folder_missing', message: 'The folder does not exist on the server.' };
  if (answer?.responseStatus === 'NO' || answer?.responseStatus === 'BAD')
    return { kind: 'folder', code: 'folder_refused', message: `The server refuses the folder: ${said}.` };
  return {
    kind: 'connection',
    code: 'connection_failed',
    message: `No connection to the mail server: ${messageOf(error)}`,
  };
}

/** The server answered the command, with a refusal: the connection lives. */
export const isRefusal = (error: unknown): boolean =>
  ['NO', 'BAD'].includes((error as { responseStatus?: string })?.responseStatus ?? '');

export const isStoreFailure = (error: unknown): boolean => readFailure(error).kind === 'store';

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
