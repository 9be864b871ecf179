import { DriverException } from '@mikro-orm/core';

/** SQLSTATE classes and codes that say: not your statement, the server. 08 connection, 53 resources, 57P0x going down, 3D000 no such database, 28 not let in, 42P01 not migrated yet. */
const UNAVAILABLE_SQLSTATE = /^(08|53|57P0|57014|25P03|3D000|28|42P01)/;
const UNAVAILABLE_NODE_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
const UNAVAILABLE_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|not queryable/;

/** Whether an error says that Postgres itself is away, so that the same statement may succeed later. */
export function isPostgresUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isPostgresUnavailable);
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    UNAVAILABLE_SQLSTATE.test(code) ||
    UNAVAILABLE_NODE_CODES.has(code) ||
    UNAVAILABLE_MESSAGES.test(error.message) ||
    (error instanceof DriverException && isPostgresUnavailable(error.cause))
  );
}

/**
 * Whether the rows of a batch that failed with this error deserve another try each on its own: the fault lies in the data of
 * one of them (22, 23, 54), or it is a deadlock (40P01), which takes several rows.
 */
export function isDataError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(22|23|54|40P01)/.test(String(error.code));
}
