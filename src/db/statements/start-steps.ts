import type { WorkflowEvent } from '../../core/workflow-event.ts';
import { isoUtc, type Sql, statement } from '../sql.ts';

/** An attempt of a step's task that has begun. */
export interface StepStart {
  workflowId: string;
  position: number;
  taskId: string;
  /** Of its STARTED event. */
  taskSequence: number;
}

/**
 * Only the first attempt makes a step RUNNING. Without waiting for the disk, as the claim of its task: when a crash of
 * Postgres takes both back, both are made again, and when it takes this one only, the step goes from READY to its end.
 */
const START_STEPS = statement(`
  with input as (
    select * from jsonb_to_recordset($1::jsonb) as i("workflowId" uuid, position int, "taskId" uuid, "taskSequence" int)
  ), lazily as materialized (
    select set_config('synchronous_commit', 'off', true) as setting
  ), locked as materialized (
    select w.id from workflow w, lazily l
    where w.id in (select "workflowId" from input) and l.setting = 'off' order by w.id for update of w
  ), started as (
    update workflow_step s set state = 'RUNNING'
    from input i, locked l
    where l.id = i."workflowId" and s.workflow_id = l.id and s.position = i.position and s.task_id = i."taskId"
      and s.state = 'READY'
    returning s.workflow_id, s.position, s.key, s.task_id, i."taskSequence" as task_sequence
  ), counted as (
    select workflow_id, count(*)::int as steps from started group by workflow_id
  ), grown as (
    update workflow w set sequence = w.sequence + c.steps from counted c where w.id = c.workflow_id
    returning w.id, w.sequence - c.steps as before, w.state, w.percent
  )
  insert into workflow_event
    (workflow_id, sequence, type, at, state, percent, step_key, step_state, task_id, task_sequence)
  select g.id, g.before + row_number() over (partition by g.id order by s.position), 'STEP', clock_timestamp(), g.state,
    g.percent, s.key, 'RUNNING', s.task_id, s.task_sequence
  from started s join grown g on g.id = s.workflow_id
  returning workflow_id as "workflowId", sequence, type, ${isoUtc('at')} as at, state, percent, step_key as "stepKey",
    step_state as "stepState", task_id as "taskId", task_sequence as "taskSequence"`);

/** Makes READY steps RUNNING; answers the events of those that were READY. */
export function startSteps(sql: Sql, starts: readonly StepStart[]): Promise<WorkflowEvent[]> {
  return sql.query<WorkflowEvent>(START_STEPS, [JSON.stringify(starts)]);
}
