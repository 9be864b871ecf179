import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { inject, test as base } from 'vitest';
import { newId, timeOfId } from '../../src/core/ids.ts';
import type { TaskEvent } from '../../src/core/task-event.ts';
import { closeOrm, openOrm, type Orm } from '../../src/db/orm.ts';
import { poolSql, type Sql, type SqlPool, type Statement } from '../../src/db/sql.ts';
import { type ClaimedTask, claimTasks } from '../../src/db/statements/claim-tasks.ts';
import { insertTasks, type NewTask } from '../../src/db/statements/insert-tasks.ts';
import { readHistory } from '../../src/db/statements/read-history.ts';
import { type SettledTask, settleAttempts, type Settlement } from '../../src/db/statements/settle-attempts.ts';
import { runStatement, withDatabase } from '../../src/dev/administer-postgres.ts';

type Row = Record<string, unknown>;

/** A database, and how to get a task to where a test needs it. */
export interface Database {
  url: string;
  orm: Orm;
  sql: SqlPool;
  /** Runs any statement; times come as `Date`. */
  run<Columns extends object = Row>(text: string, values?: readonly unknown[]): Promise<Columns[]>;
  /** Inserts a task, PENDING unless it starts at once. */
  enqueue(given?: Partial<NewTask>): Promise<NewTask>;
  /** Claims a task for the worker `worker-1`; fails the test when it can't be claimed. */
  start(id: string, worker?: string): Promise<ClaimedTask>;
  /** Ends an attempt; undefined when it was fenced off. */
  settle(
    given: Partial<Settlement> & Pick<Settlement, 'taskId' | 'attempt' | 'state'>,
  ): Promise<SettledTask | undefined>;
  /** All events of a task. */
  history(id: string): Promise<TaskEvent[]>;
  /** The row of a task. */
  row(id: string): Promise<Row>;
  /** Which of the narrow tables have a row of the task: `open`, `claim`, and the states of `outcome`. */
  standing(id: string): Promise<string[]>;
}

/**
 * vitest's `test` with a migrated database, one for all tests of a file: a statement touches only the tasks that it is
 * given, so what each test has to itself is its tasks.
 */
export const test = base.extend('database', { scope: 'file' }, async ({}, { onCleanup }): Promise<Database> => {
  const template = inject('templateUrl');
  const server = withDatabase(template, 'postgres');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await runStatement(server, `create database ${name} template ${new URL(template).pathname.slice(1)}`);
  const databaseUrl = withDatabase(template, name);
  const logger = pino({ level: 'silent' });
  const orm = await openOrm({ databaseUrl, applicationName: 'test', poolSize: 20, logger });
  onCleanup(async () => {
    await closeOrm(orm);
    await runStatement(server, `drop database ${name} with (force)`);
  });
  return openDatabase(orm, databaseUrl);
});

/** As {@link test} gives it, over an ORM that is open already. */
export function openDatabase(orm: Orm, url = ''): Database {
  const sql = poolSql(orm);
  const run = async <Columns extends object = Row>(text: string, values: readonly unknown[] = []) =>
    (await sql.query<Columns>({ text }, values)).map(withDates);
  return {
    url,
    orm,
    sql,
    run,
    async enqueue(given) {
      const task = newTask(given);
      await insertTasks(sql, [task]);
      return task;
    },
    async start(id, worker = 'worker-1') {
      const [claimed] = await claimTasks(sql, [id], worker, ANY_NAME);
      if (!claimed) throw new Error(`expected to claim task ${id}, but it was not there for it`);
      return claimed;
    },
    async settle(given) {
      const [settled] = await settleAttempts(sql, [settlement(given)]);
      return settled;
    },
    history: (id) => readAll(sql, id),
    async row(id) {
      const [row] = await run('select * from task where id = $1', [id]);
      if (!row) throw new Error(`expected a task with the id ${id}, got none`);
      return row;
    },
    standing: async (id) => {
      const rows = await run<{ place: string }>(STANDING, [id]);
      return rows.map(({ place }) => place);
    },
  };
}

const TIMESTAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$/;

/** The pool leaves times as Postgres writes them. */
function withDates<Columns extends object>(row: Columns): Columns {
  const toDate = (value: unknown) => (typeof value === 'string' && TIMESTAMP.test(value) ? new Date(value) : value);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, toDate(value)])) as Columns;
}

const STANDING = `
  select 'open' as place from open_task where task_id = $1
  union all select 'claim' from task_claim where task_id = $1
  union all select state from task_outcome where task_id = $1`;

/** The names that {@link newTask}s have. */
export const ANY_NAME = ['noop', 'countdown'];

/** A task as an operation would make it. */
export function newTask(given: Partial<NewTask> = {}): NewTask {
  const id = given.id ?? newId();
  return {
    id,
    name: 'noop',
    queue: 'diagnostics',
    priority: 5,
    input: {},
    maxAttempts: 3,
    attemptsAsked: false,
    tags: [],
    owner: '',
    idempotencyKey: null,
    createdAt: new Date(timeOfId(id)),
    runAt: null,
    expiresAt: null,
    workflowId: null,
    workflowStep: null,
    ...given,
  };
}

/** The end of an attempt. */
export function settlement(given: Partial<Settlement> & Pick<Settlement, 'taskId' | 'attempt' | 'state'>): Settlement {
  return { result: null, error: null, delayMs: 0, lost: false, workflowId: null, ...given };
}

/** Pages of three, so that their seams are tried too. */
async function readAll(sql: Sql, id: string): Promise<TaskEvent[]> {
  const events: TaskEvent[] = [];
  for (let more = true; more;) {
    const history = await readHistory(sql, id, events.at(-1)?.sequence ?? 0, 3);
    events.push(...(history?.events ?? []));
    more = history?.more ?? false;
  }
  return events;
}

/** Resolves when so many sessions of the database wait for a lock. */
export async function untilWaiting({ run }: Database, sessions: number): Promise<void> {
  for (;;) {
    const [waiting] = await run<{ count: number }>(`select count(*)::int as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`);
    if ((waiting?.count ?? 0) >= sessions) return;
  }
}

/** 1, 2, 3 … n: the sequences that n events must have. */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index + 1);
}

/** What is called before a statement. */
type Before = (statement: Statement, values: readonly unknown[]) => unknown;

/** An `SqlPool` that tells each statement to `before` first, which may do something in between. */
export function watchedSql(sql: SqlPool, before: Before): SqlPool {
  return {
    ...watched(sql, before),
    transaction: (run) => sql.transaction((transaction) => run(watched(transaction, before))),
  };
}

function watched(sql: Sql, before: Before): Sql {
  return {
    async query(statement, values) {
      await before(statement, values);
      return sql.query(statement, values);
    },
  };
}
