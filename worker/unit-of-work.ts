import { FencedError } from '../src/core/errors.ts';
import type { EntityManager, Orm } from '../src/db/orm.ts';
import { transactionSql } from '../src/db/sql.ts';
import { type SettledTask, settleAttempts } from '../src/db/statements/settle-attempts.ts';
import { successOf } from './settlements.ts';
import { type WaitingResources, untilAvailable } from './until-available.ts';

/** How a database task was recorded. */
export interface RecordedTask {
  settled: SettledTask;
  result: unknown;
}

export interface UnitOfWork {
  orm: Orm;
  taskId: string;
  attempt: number;
  /** The handler. */
  run(em: EntityManager): Promise<unknown>;
  /** Writes what the attempt has reported so far; called before its end is recorded. */
  flushEvents(): Promise<void>;
}

/**
 * What the handler writes, its result and SUCCESS commit together or not at all. When Postgres goes away in the middle, the
 * whole unit of work is done again: nothing of it has happened, or the fence shows that all of it has.
 *
 * Throws a `FencedError` when the attempt is no longer the task's current one.
 */
export function runUnitOfWork(
  waiting: WaitingResources,
  { orm, taskId, attempt, run, flushEvents }: UnitOfWork,
): Promise<RecordedTask> {
  return untilAvailable(waiting, () =>
    orm.em.fork().transactional(async (em) => {
      const result = await run(em);
      await em.flush();
      await flushEvents();
      const [settled] = await settleAttempts(transactionSql(em), [successOf({ taskId, attempt }, result)]);
      if (!settled) throw new FencedError(taskId, attempt);
      return { settled, result };
    }),
  );
}
