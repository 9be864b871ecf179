import { pino } from 'pino';
import { describe, expect } from 'vitest';
import { toFailure } from '../../src/core/failure.ts';
import type { EntityManager } from '../../src/db/orm.ts';
import { transactionSql } from '../../src/db/sql.ts';
import { settleAttempts } from '../../src/db/statements/settle-attempts.ts';
import { openCatalog } from '../../src/tasks/catalog.ts';
import { successOf } from '../../worker/settlements.ts';
import { runUnitOfWork } from '../../worker/unit-of-work.ts';
import type { Database } from '../db/database.ts';
import { holdRowLock } from '../support/row-lock.ts';
import { test as base } from './isolation/own-database.ts';

type Run = (em: EntityManager, entry: number) => Promise<unknown>;

interface Unit {
  taskId: string;
  /** How often the handler was entered. */
  entries(): number;
  /** Runs a handler as the unit of work of the task's first attempt. */
  perform(run: Run): Promise<unknown>;
  /** The code that the attempt ends with. */
  codeOf(run: Run): Promise<string>;
}

/** A task that has been started by the worker `worker-1`. */
const test = base.extend('unit', async ({ database }): Promise<Unit> => {
  const { id: taskId } = await database.enqueue();
  await database.start(taskId);
  const waiting = { stopping: new AbortController().signal, logger: pino({ level: 'silent' }) };
  let entries = 0;
  const perform = (run: Run) =>
    runUnitOfWork(waiting, {
      orm: database.orm,
      catalog: openCatalog({ diagnosticTasks: true }),
      task: { id: taskId, attempt: 1, workflowId: null },
      run: (em) => run(em, (entries += 1)),
      flushEvents: () => Promise.resolve(),
    });
  return {
    taskId,
    entries: () => entries,
    perform,
    codeOf: (run) =>
      perform(run).then(
        () => 'none',
        (error: unknown) => toFailure(error).code,
      ),
  };
});

const addUser = (em: EntityManager, email: string) =>
  em.execute(`insert into app_user (email, name, created_at) values (?, 'Ada', now())`, [email]);

const endOwnSession = (em: EntityManager) => em.execute('select pg_terminate_backend(pg_backend_pid())');

async function untilEnded({ run }: Database, pid: number): Promise<void> {
  await expect.poll(() => run('select pid from pg_stat_activity where pid = $1', [pid])).toEqual([]);
}

async function pidOf(em: EntityManager): Promise<number> {
  const [session] = await em.execute<[{ pid: number }]>('select pg_backend_pid() as pid');
  return session.pid;
}

describe('a handler that runs into a timeout of Postgres ends its attempt', () => {
  test('with a statement that takes too long', async ({ unit }) => {
    const code = await unit.codeOf(async (em) => {
      await em.execute('set local statement_timeout = 20');
      await em.execute('select pg_sleep(60)');
    });

    expect({ code, entries: unit.entries() }).toEqual({ code: 'TIMEOUT', entries: 1 });
  });

  test('with a lock that does not come', async ({ unit, database }) => {
    await addUser(database.orm.em.fork(), 'ada@example.com');
    await using _lock = await holdRowLock(database.url, 'app_user');

    const code = await unit.codeOf(async (em) => {
      await em.execute('set local lock_timeout = 20');
      await em.execute(`update app_user set name = 'Eve'`);
    });

    expect({ code, entries: unit.entries() }).toEqual({ code: 'TIMEOUT', entries: 1 });
  });

  test('with a transaction that was idle too long', async ({ unit, database }) => {
    const code = await unit.codeOf(async (em) => {
      const pid = await pidOf(em);
      await em.execute('set local idle_in_transaction_session_timeout = 20');
      await untilEnded(database, pid);
      await addUser(em, 'ada@example.com');
    });

    expect({ code, entries: unit.entries() }).toEqual({ code: 'TIMEOUT', entries: 1 });
  });
});

describe('a handler whose session in Postgres ends', () => {
  test('is run again, and its effects happen once', async ({ unit, database }) => {
    await unit.perform(async (em, entry) => {
      await addUser(em, `${entry}@example.com`);
      if (entry === 1) await endOwnSession(em);
    });

    expect(unit.entries()).toBe(2);
    expect(await database.run('select email from app_user')).toEqual([{ email: '2@example.com' }]);
    expect(await database.row(unit.taskId)).toMatchObject({ state: 'SUCCESS', attempt: 1 });
  });

  test('each time is given up', async ({ unit }) => {
    const code = await unit.codeOf(endOwnSession);

    expect({ code, entries: unit.entries() }).toEqual({ code: 'CONNECTION', entries: 5 });
  });

  test('because its worker was declared lost is not run again', async ({ unit, database }) => {
    const code = await unit.codeOf(async (em) => {
      await database.settle({ taskId: unit.taskId, attempt: 1, state: 'RETRY', lost: true });
      await endOwnSession(em);
    });

    expect({ code, entries: unit.entries() }).toEqual({ code: 'FENCED', entries: 1 });
  });

  test('right after the commit is not run again', async ({ unit, database }) => {
    const code = await unit.codeOf(async (em) => {
      await addUser(em, 'ada@example.com');
      await settleAttempts(transactionSql(em), [successOf({ id: unit.taskId, attempt: 1, workflowId: null }, {})]);
      await em.execute('commit');
      await endOwnSession(em);
    });

    expect({ code, entries: unit.entries() }).toEqual({ code: 'FENCED', entries: 1 });
    expect(await database.run('select email from app_user')).toHaveLength(1);
  });
});

test('a handler that met a Postgres which only reads is run again', async ({ unit, database }) => {
  await unit.perform(async (em, entry) => {
    if (entry === 1) await em.execute('set transaction read only'); // as every transaction of a standby is
    await addUser(em, `${entry}@example.com`);
  });

  expect(await database.run('select email from app_user')).toEqual([{ email: '2@example.com' }]);
});

test('what the handler throws by itself ends its attempt', async ({ unit }) => {
  const code = await unit.codeOf((em) => em.execute('select 1 / 0'));

  expect({ code, entries: unit.entries() }).toEqual({ code: 'UNKNOWN_ERROR', entries: 1 });
});
