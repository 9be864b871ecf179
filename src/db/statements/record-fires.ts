import type { InputProblem } from '../../core/errors.ts';
import { type Sql, statement } from '../sql.ts';

/** What was decided about the fires of a schedule. */
export interface DecidedFires {
  key: string;
  cursor: Date;
  nextRunAt: Date | null;
  /** Null when no task was enqueued: what stands there stays. */
  lastRunAt: Date | null;
  /** All that wait from now on. */
  waiting: readonly Date[];
  /** Undefined: what stands there stays. */
  problem: InputProblem | null | undefined;
}

const RECORD = statement(`
  with fires as (
    select unnest($5::timestamptz[]) as fire_at
  ), decided as (
    delete from schedule_fire f where f.schedule = $1 and f.fire_at not in (select fire_at from fires)
  ), queued as (
    insert into schedule_fire (schedule, fire_at) select $1, fire_at from fires on conflict do nothing
  )
  update schedule
  set cursor_at = $2, next_run_at = $3, last_run_at = coalesce($4, last_run_at),
    problem = case when $6 then $7::jsonb else problem end
  where key = $1`);

/** Writes down what was decided about the fires of a locked schedule. */
export async function recordFires(sql: Sql, decided: DecidedFires): Promise<void> {
  const { key, cursor, nextRunAt, lastRunAt, waiting, problem } = decided;
  const values = [cursor, nextRunAt, lastRunAt, waiting.map((fire) => fire.toISOString())];
  await sql.query(RECORD, [key, ...values, problem !== undefined, problem ? JSON.stringify(problem) : null]);
}

const ADD_RUNS = statement(`
  insert into schedule_run (schedule, task_id) select $1, unnest($2::uuid[]) on conflict do nothing`);

/** Notes runs of a locked schedule as open. */
export async function addRuns(sql: Sql, key: string, ids: readonly string[]): Promise<void> {
  await sql.query(ADD_RUNS, [key, ids]);
}

const FIND_OPEN_RUNS = statement(`
  insert into schedule_run (schedule, task_id)
  select $1, t.id from task_tag g join open_task o on o.task_id = g.task_id join task t on t.id = g.task_id
  where g.tag = $2 and t.owner = $3
  on conflict do nothing`);

/** Notes the runs of a locked schedule that are open: they were not kept while its overlap was ALLOW. */
export async function findOpenRuns(sql: Sql, key: string, tag: string, owner: string): Promise<void> {
  await sql.query(FIND_OPEN_RUNS, [key, tag, owner]);
}
