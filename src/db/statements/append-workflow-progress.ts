import type { WorkflowEvent } from '../../core/workflow-event.ts';
import { isoUtc, type SqlPool, statement } from '../sql.ts';
import type { StepStart } from './start-steps.ts';

/** The progress of a step that runs: its task has written an event of it. */
export type StepProgress = StepStart;

/**
 * How far the steps of a workflow `w` are that run, in units of weight: their own weight times the share of their task that
 * is done.
 */
export const RUNNING_WEIGHT = `(
  select coalesce(sum(r.weight * (t.progress ->> 'percent')::float8 / 100), 0)
  from workflow_step r join task t on t.id = r.task_id
  where r.workflow_id = w.id and r.state = 'RUNNING'
)`;

/** Without waiting for the disk: the next report makes up for one that a crash of Postgres takes back. */
const LOCK_RUNNING = statement(`
  with lazily as materialized (
    select set_config('synchronous_commit', 'off', true) as setting
  )
  select w.id from workflow w, lazily l where w.id = $1 and w.state = 'RUNNING' and l.setting = 'off' for update of w`);

const APPEND_PROGRESS = statement(`
  with grown as (
    update workflow w
    set sequence = w.sequence + 1,
      percent = greatest(w.percent, least(100, 100 * (w.done_weight + ${RUNNING_WEIGHT}) / w.weight))
    from workflow_step s
    where w.id = $1 and s.workflow_id = w.id and s.position = $2 and s.task_id = $3 and s.state = 'RUNNING'
    returning w.id, w.sequence, w.state, w.percent, s.key
  )
  insert into workflow_event
    (workflow_id, sequence, type, at, state, percent, step_key, step_state, task_id, task_sequence)
  select id, sequence, 'PROGRESS', clock_timestamp(), state, percent, key, 'RUNNING', $3, $4 from grown
  returning workflow_id as "workflowId", sequence, type, ${isoUtc('at')} as at, state, percent, step_key as "stepKey",
    step_state as "stepState", task_id as "taskId", task_sequence as "taskSequence"`);

/**
 * Appends an event to a workflow whose step has got further; undefined when that does not run any more. The steps are read
 * by a statement that begins under the lock of the workflow: one that waited for it would see those that have ended
 * meanwhile as running, and count them twice.
 */
export function appendWorkflowProgress(
  pool: SqlPool,
  { workflowId, position, taskId, taskSequence }: StepProgress,
): Promise<WorkflowEvent | undefined> {
  return pool.transaction(async (sql) => {
    if ((await sql.query(LOCK_RUNNING, [workflowId])).length === 0) return undefined;
    const [event] = await sql.query<WorkflowEvent>(APPEND_PROGRESS, [workflowId, position, taskId, taskSequence]);
    return event;
  });
}
