import { mongo } from 'mongoose';
import { StoreUnavailable } from '../contract/index.ts';

/** Errors of the driver (and mongoose's one) that mean: no usable primary, or the connection went away. */
const OUTAGE_NAMES = new Set([
  'MongoServerSelectionError',
  'MongooseServerSelectionError',
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoConnectionPoolClearedError',
  'MongoWaitQueueTimeoutError',
  'MongoNotConnectedError',
  'MongoTopologyClosedError',
  'MongoServerClosedError',
  'MongoClientClosedError',
  'MongoOperationTimeoutError',
  'MongoStalePrimaryError',
  'MongoExpiredSessionError',
  // Written, but not by a majority or not on disk in time: nothing may be acknowledged on it.
  'MongoWriteConcernError',
]);

/** Codes of the server for the same: src/mongo/base/error_codes.yml. */
const OUTAGE_CODES = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  64, // WriteConcernFailed
  89, // NetworkTimeout
  91, // ShutdownInProgress
  100, // UnsatisfiableWriteConcern
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  9001, // SocketException
  10058, // LegacyNotPrimary
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
]);

/** StoreUnavailable for an error that means "MongoDB cannot be reached"; every other error comes back as it is. */
export function translateOutage(error: unknown): unknown {
  return isOutage(error) ? new StoreUnavailable(error) : error;
}

function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (OUTAGE_NAMES.has(error.name) || error instanceof mongo.MongoNetworkError) return true;
  if (error instanceof mongo.MongoBulkWriteError && isBulkOutage(error)) return true;
  if (!(error instanceof mongo.MongoError)) return false;
  return OUTAGE_CODES.has(Number(error.code)) || error.hasErrorLabel('RetryableWriteError');
}

/**
 * The server has answered, and some writes of the bulk it did not take: `writeErrors` says which, the others stand.
 * A connection that was cut, too, comes as a MongoBulkWriteError, but an empty one: then nothing is known of any.
 */
export function isBulkRefusal(error: unknown): error is mongo.MongoBulkWriteError {
  return (
    error instanceof mongo.MongoBulkWriteError &&
    [error.writeErrors].flat().length > 0 &&
    !error.result?.getWriteConcernError()
  );
}

function isBulkOutage(error: mongo.MongoBulkWriteError): boolean {
  if (error.result?.getWriteConcernError()) return true;
  return [error.writeErrors].flat().length === 0 && typeof error.code !== 'number';
}

/** The unique index has decided: another document holds this key. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof mongo.MongoServerError && error.code === 11000;
}
