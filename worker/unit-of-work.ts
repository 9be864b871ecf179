import { ConnectionError, FencedError, TimeoutError } from '../src/core/errors.ts';
import type { EntityManager, Orm } from '../src/db/orm.ts';
import { poolSql, transactionSql } from '../src/db/sql.ts';
import { lockAttempt } from '../src/db/statements/lock-attempt.ts';
import { type SettledTask, settleAttempts } from '../src/db/statements/settle-attempts.ts';
import { isDeadlock, isPostgresTimeout, isPostgresUnavailable } from '../src/db/unavailable.ts';
import { endSteps, type WorkflowNews } from '../src/operations/advance-workflows.ts';
import type { TaskCatalog } from '../src/tasks/catalog.ts';
import { type EndingTask, successOf } from './settlements.ts';
import { type WaitingResources, untilAvailable } from './until-available.ts';

/** A handler that lost its session in Postgres so many times in one attempt is taken to be what ends it. */
const ENTRIES_MAX = 5;

/** How a database task was recorded. */
export interface RecordedTask {
  settled: SettledTask;
  result: unknown;
  /** Of the workflow that it is a step of. */
  news: WorkflowNews;
}

export interface UnitOfWork {
  orm: Orm;
  catalog: TaskCatalog;
  task: EndingTask;
  /** The handler. */
  run(em: EntityManager): Promise<unknown>;
  /** Writes what the attempt has reported so far; called before its end is recorded. */
  flushEvents(): Promise<void>;
}

/**
 * What the handler writes, its result and SUCCESS commit together or not at all. When Postgres goes away in the middle, the
 * whole unit of work is done again (also when it lost a deadlock), once Postgres is back and says that the attempt is still the current one: so nothing of
 * it has happened. The handler is entered at most {@link ENTRIES_MAX} times.
 *
 * Throws a `FencedError` when the attempt is no longer the task's current one, what the handler throws, a `TimeoutError` when
 * Postgres gave a statement up (it may take as long each time), and a `ConnectionError` when no more entries are left or the
 * worker's time is over.
 */
export async function runUnitOfWork(waiting: WaitingResources, unit: UnitOfWork): Promise<RecordedTask> {
  const {
    orm,
    task: { id: taskId, attempt },
    run,
  } = unit;
  let entries = 0;
  const enter = (em: EntityManager) => {
    entries += 1;
    return run(em);
  };
  const once = async () => {
    if (entries > 0 && !(await untilAvailable(waiting, () => lockAttempt(poolSql(orm), taskId, attempt)))) {
      throw new FencedError(taskId, attempt);
    }
    return runOnce({ ...unit, run: enter });
  };
  const isDoneAgain = (error: unknown) =>
    (isDeadlock(error) || (isPostgresUnavailable(error) && !isPostgresTimeout(error))) && entries < ENTRIES_MAX;
  try {
    return await untilAvailable(waiting, once, isDoneAgain);
  } catch (error) {
    if (isPostgresTimeout(error)) throw new TimeoutError('PostgreSQL', error);
    throw isPostgresUnavailable(error) ? new ConnectionError('PostgreSQL', error) : error;
  }
}

function runOnce({ orm, catalog, task, run, flushEvents }: UnitOfWork): Promise<RecordedTask> {
  return orm.em.fork().transactional(async (em) => {
    const result = await run(em);
    await em.flush();
    await flushEvents();
    const sql = transactionSql(em);
    const { ended, news } = await endSteps(catalog, sql, [task.workflowId], () =>
      settleAttempts(sql, [successOf(task, result)]),
    );
    const [settled] = ended;
    if (!settled) throw new FencedError(task.id, task.attempt);
    return { settled, result, news };
  });
}
