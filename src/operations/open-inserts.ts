import { Batcher } from '../core/batcher.ts';
import type { Sql } from '../db/sql.ts';
import { insertTasks, insertTasksImpatiently, type NewTask } from '../db/statements/insert-tasks.ts';
import { isDataError, isLockTimeout } from '../db/unavailable.ts';

const BATCHES_IN_FLIGHT = 2;
/** Each of them may wait for a transaction of somebody else, and has a connection meanwhile. */
const ALONE_IN_FLIGHT = 2;
const KEY_PATIENCE_MS = 100;

/** Inserts tasks. */
export interface Inserts {
  /** Answers whether the task is new: its idempotency key was free. */
  add(task: NewTask): Promise<boolean>;
}

/**
 * Inserts tasks of concurrent callers together.
 *
 * An idempotency key that an open transaction is about to take makes its statement wait for the end of that. So tasks with a
 * key have batches apart from those without, and a batch that would wait is taken back after {@link KEY_PATIENCE_MS} and its
 * tasks are inserted one by one. Who brings a key that is being inserted here already gets the end of that, and does not wait
 * in another connection.
 */
export function openInserts(sql: Sql): Inserts {
  const unkeyed = openBatcher((tasks) => insertTasks(sql, tasks), { maxInFlight: BATCHES_IN_FLIGHT });
  const keyed = openBatcher((tasks) => insertTasksImpatiently(sql, tasks, KEY_PATIENCE_MS), {
    maxInFlight: BATCHES_IN_FLIGHT,
  });
  const alone = openBatcher((tasks) => insertTasks(sql, tasks), { maxInFlight: ALONE_IN_FLIGHT, maxItems: 1 });
  const underWay = new Map<string, Promise<boolean>>();

  const addKeyed = async (task: NewTask) => {
    try {
      return await keyed.add(task);
    } catch (error) {
      if (isLockTimeout(error)) return alone.add(task);
      throw error;
    }
  };
  return {
    add(task) {
      if (task.idempotencyKey === null) return unkeyed.add(task);
      const key = JSON.stringify([task.owner, task.idempotencyKey]);
      const first = underWay.get(key);
      if (first) return first.then(() => false);
      const inserted = addKeyed(task).finally(() => underWay.delete(key));
      underWay.set(key, inserted);
      return inserted;
    },
  };
}

function openBatcher(
  insert: (tasks: readonly NewTask[]) => Promise<Set<string>>,
  limits: { maxInFlight: number; maxItems?: number },
): Batcher<NewTask, boolean> {
  const run = async (tasks: readonly NewTask[]) => {
    const inserted = await insert(tasks);
    return tasks.map(({ id }) => inserted.has(id));
  };
  return new Batcher(run, { ...limits, runAloneAfter: isDataError });
}
