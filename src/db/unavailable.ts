import { DriverException } from '@mikro-orm/core';

/**
 * SQLSTATE classes and codes that say: not your statement, the server. 08 connection, 53 resources, 57P0x going down, 3D000
 * no such database, 28 not let in, 42P01 not migrated yet, 25006 read only (a standby, or a primary that was one).
 */
const UNAVAILABLE_SQLSTATE = /^(08|53|57P0|3D000|28|42P01|25006)/;
/** 57014 statement_timeout, 55P03 lock_timeout, 25P03 idle_in_transaction_session_timeout, 25P04 transaction_timeout. */
const TIMEOUT_SQLSTATE = /^(57014|55P03|25P03|25P04)/;
const UNAVAILABLE_NODE_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
const UNAVAILABLE_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|not queryable/;

/**
 * Whether an error says that Postgres itself is away or too slow, so that the same statement may succeed later. Includes
 * {@link isPostgresTimeout}: for a statement that is quick by itself, a timeout tells of the server.
 */
export function isPostgresUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isPostgresUnavailable);
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return (
    UNAVAILABLE_SQLSTATE.test(code) ||
    TIMEOUT_SQLSTATE.test(code) ||
    UNAVAILABLE_NODE_CODES.has(code) ||
    UNAVAILABLE_MESSAGES.test(error.message) ||
    (error instanceof DriverException && isPostgresUnavailable(error.cause))
  );
}

/** Whether Postgres gave a statement or a transaction up because it took too long: what took long may do so each time. */
export function isPostgresTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return TIMEOUT_SQLSTATE.test(codeOf(error)) || (error instanceof DriverException && isPostgresTimeout(error.cause));
}

/** Whether a statement did not get a lock in time; another session holds it. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && codeOf(error) === '55P03';
}

/**
 * Whether the rows of a batch that failed with this error deserve another try each on its own: the fault lies in the data of
 * one of them (22, 23, 54), or it is a deadlock (40P01), which takes several rows.
 */
export function isDataError(error: unknown): boolean {
  return error instanceof Error && /^(22|23|54|40P01)/.test(codeOf(error));
}

/** Whether a transaction was rolled back so that another one could go on: the same can be done again at once. */
export function isDeadlock(error: unknown): boolean {
  return error instanceof Error && codeOf(error) === '40P01';
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}
