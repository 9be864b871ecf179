import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import type { Orm } from './orm.ts';

/** A statement with parameters `$1`, `$2` … */
export interface Statement {
  /** Of the prepared statement; without one it is not kept. */
  readonly name?: string;
  readonly text: string;
}

/**
 * Makes a statement that is prepared once a connection. Those of the hot paths take their many rows as one JSON array, so
 * that their text never changes.
 */
export function statement(text: string): Statement {
  return { name: createHash('sha1').update(text).digest('base64url'), text };
}

/** Runs statements, either each in a transaction of its own or all in one that somebody else ends. */
export interface Sql {
  /** Answers the rows. Rejects with a `DriverException`, as the ORM's own statements do. */
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

/** Each statement on any connection of the ORM's pool, in its own transaction, prepared. */
export function poolSql(orm: Orm): Sql {
  return {
    async query<Row extends object>({ name, text }: Statement, values: readonly unknown[]): Promise<Row[]> {
      const pool = await orm.em.getConnection().getNativeClient();
      const { rows } = await pool.query({ name, text, values: [...values] }).catch(failAs(orm.em));
      return rows as Row[];
    },
  };
}

/** Statements inside the transaction that `em` is in. Throws a `TypeError` when it is in none. */
export function transactionSql(em: EntityManager): Sql {
  return {
    async query<Row extends object>({ text }: Statement, values: readonly unknown[]): Promise<Row[]> {
      const transaction = em.getTransactionContext();
      if (!transaction) throw new TypeError('expected an EntityManager inside a transaction, got one outside');
      const { rows } = await transaction.executeQuery(CompiledQuery.raw(text, [...values])).catch(failAs(em));
      return rows as Row[];
    },
  };
}

function failAs(em: EntityManager): (error: Error) => never {
  return (error) => {
    throw em.getDriver().convertException(error);
  };
}

/** The states, for a `where` that lets only legal transitions through. */
export function stateList(states: readonly string[]): string {
  return states.map((state) => `'${state}'`).join(', ');
}

/** SQL for a point in time as ISO 8601 in UTC with milliseconds, rounded as `timestamptz(3)` columns round it. */
export function isoUtc(expression: string): string {
  return `to_char((${expression})::timestamptz(3) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
