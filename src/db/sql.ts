import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import type { Orm } from './orm.ts';
import { isDeadlock } from './unavailable.ts';

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

/** Where statements run that are in nobody's transaction. */
export interface SqlPool extends Sql {
  /**
   * Runs statements in one transaction, which commits when `run` resolves and is rolled back when it rejects. One that
   * loses a deadlock is run again, at most {@link DEADLOCKS_MAX} times.
   */
  transaction<T>(run: (sql: Sql) => Promise<T>): Promise<T>;
}

const DEADLOCKS_MAX = 5;

/** Each statement on any connection of the ORM's pool, in its own transaction, prepared. */
export function poolSql(orm: Orm): SqlPool {
  const openPool = () => orm.em.getConnection().getNativeClient();
  return {
    async query<Row extends object>(wanted: Statement, values: readonly unknown[]): Promise<Row[]> {
      return runPrepared<Row>(await openPool(), wanted, values).catch(failAs(orm.em));
    },
    async transaction<T>(run: (sql: Sql) => Promise<T>): Promise<T> {
      const pool = await openPool();
      for (let deadlocks = 0; ; deadlocks += 1) {
        try {
          return await runTransaction(pool, orm.em, run);
        } catch (error) {
          if (!isDeadlock(error) || deadlocks === DEADLOCKS_MAX) throw error;
        }
      }
    },
  };
}

/** What is needed of a pool of `pg`, or of one connection of it. */
interface Queryable {
  query(query: { name?: string | undefined; text: string; values: unknown[] }): Promise<{ rows: unknown[] }>;
}

async function runPrepared<Row>(on: Queryable, { name, text }: Statement, values: readonly unknown[]): Promise<Row[]> {
  const { rows } = await on.query({ name, text, values: [...values] });
  return rows as Row[];
}

/** What is needed of a connection that was taken from its pool. */
interface Session extends Queryable {
  /** With an error it is closed instead of being used again. */
  release(error?: Error): void;
}

const BEGIN = { text: 'begin', values: [] };
const COMMIT = { text: 'commit', values: [] };
const ROLLBACK = { text: 'rollback', values: [] };

async function runTransaction<T>(
  pool: { connect(): Promise<Session> },
  em: EntityManager,
  run: (sql: Sql) => Promise<T>,
): Promise<T> {
  const session = await pool.connect().catch(failAs(em));
  const sql: Sql = {
    query: (wanted, values) => runPrepared<never>(session, wanted, values).catch(failAs(em)),
  };
  let lost: Error | undefined;
  try {
    await session.query(BEGIN).catch(failAs(em));
    const result = await run(sql);
    await session.query(COMMIT).catch(failAs(em));
    return result;
  } catch (error) {
    await session.query(ROLLBACK).catch((failure: Error) => (lost = failure));
    throw error;
  } finally {
    session.release(lost);
  }
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
