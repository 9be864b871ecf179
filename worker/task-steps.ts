import { FencedError } from '../src/core/errors.ts';
import { findStorageProblem } from '../src/core/storable.ts';
import type { EntityManager, Orm } from '../src/db/orm.ts';
import { poolSql, transactionSql } from '../src/db/sql.ts';
import { findStep, recordStep } from '../src/db/statements/record-step.ts';

/** A function of a step: with a parameter it gets an EntityManager inside the step's transaction. */
export type StepFunction<T> = ((em: EntityManager) => Promise<T> | T) | (() => Promise<T> | T);

const KEY_MAX = 200;

export interface SteppingAttempt {
  orm: Orm;
  taskId: string;
  attempt: number;
}

/**
 * Does a piece of a task once: when an attempt has done it, later ones get the value that it returned (as JSON).
 *
 * A function that takes `em` runs in a transaction of its own, which also writes down that the step is done. One that takes
 * nothing runs outside, and the record follows: after a crash in between it runs again.
 *
 * Throws a `FencedError` when the attempt is no longer the task's current one (what the step wrote is rolled back), a
 * `TypeError` for a key or a value that can't be stored, and whatever the function throws.
 */
export async function doStep<T>(
  { orm, taskId, attempt }: SteppingAttempt,
  key: string,
  run: StepFunction<T>,
): Promise<T> {
  if (key.length < 1 || key.length > KEY_MAX) {
    throw new TypeError(`expected the key of a step to have 1 to ${KEY_MAX} characters, got: ${JSON.stringify(key)}`);
  }
  const done = await findStep(poolSql(orm), taskId, key);
  if (done) return done.value as T;
  const record = async (em: EntityManager, value: T) => {
    const problem = findStorageProblem(value);
    if (problem) throw new TypeError(`expected step ${key} to return what can be stored: ${problem.message}`);
    if (!(await recordStep(transactionSql(em), { taskId, attempt, key, value })))
      throw new FencedError(taskId, attempt);
    return value;
  };
  if (run.length > 0) {
    return orm.em.fork().transactional(async (em) => {
      const value = await run(em);
      await em.flush();
      return record(em, value);
    });
  }
  const value = await (run as () => Promise<T> | T)();
  return orm.em.fork().transactional((em) => record(em, value));
}
