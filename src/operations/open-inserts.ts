import { Batcher } from '../core/batcher.ts';
import type { Sql } from '../db/sql.ts';
import { insertTasks, type NewTask } from '../db/statements/insert-tasks.ts';
import { isDataError } from '../db/unavailable.ts';

const INSERTS_IN_FLIGHT = 2;

/** Inserts tasks of concurrent callers together; answers of each whether it is new. */
export function openInserts(sql: Sql): Batcher<NewTask, boolean> {
  const insert = async (tasks: readonly NewTask[]) => {
    const inserted = await insertTasks(sql, tasks);
    return tasks.map(({ id }) => inserted.has(id));
  };
  return new Batcher(insert, { maxInFlight: INSERTS_IN_FLIGHT, runAloneAfter: isDataError });
}
