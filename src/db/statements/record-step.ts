import { statesBefore } from '../../core/task-state.ts';
import { type Sql, stateList, statement } from '../sql.ts';

const FIND_STEP = statement('select value from task_step where task_id = $1 and key = $2');

/** The value of a step that is done, wrapped, or undefined. */
export async function findStep(sql: Sql, taskId: string, key: string): Promise<{ value: unknown } | undefined> {
  const [row] = await sql.query<{ value: unknown }>(FIND_STEP, [taskId, key]);
  return row;
}

/** A step that has just been done. */
export interface NewStep {
  taskId: string;
  attempt: number;
  key: string;
  value: unknown;
}

const RECORD_STEP = statement(`
  with current as (
    select id from task
    where id = $1 and attempt = $2 and state in (${stateList(statesBefore('PROGRESS'))}) for share
  )
  insert into task_step (task_id, key, attempt, value) select id, $3, $2, $4::jsonb from current
  returning key`);

/** Records a step; answers whether it was: not when the attempt is no longer the task's current one. */
export async function recordStep(sql: Sql, { taskId, attempt, key, value }: NewStep): Promise<boolean> {
  const rows = await sql.query(RECORD_STEP, [taskId, attempt, key, JSON.stringify(value ?? null)]);
  return rows.length > 0;
}
