import type { Advance, StepDetails, StepRecord, WorkflowRecord } from '../../core/advance-workflow.ts';
import type { SourceResult } from '../../core/resolve-input.ts';
import { isoUtc, type Sql, statement } from '../sql.ts';

const LOCK_WORKFLOWS = statement(`
  select id, owner, state, sequence, open_steps as "openSteps", weight, done_weight as "doneWeight", percent,
    error,
    cancel_requested_at is not null as cancelled, cancel_reason as "cancelReason", ${isoUtc('clock_timestamp()')} as now
  from workflow where id = any ($1::uuid[]) order by id for update`);

/** A workflow whose row this transaction has locked, and the time, ISO 8601. */
export type LockedWorkflow = WorkflowRecord & { now: string };

/**
 * Locks workflows until the transaction ends. It comes before every lock of their tasks: in the other order, two
 * transactions would wait for each other.
 */
export function lockWorkflows(sql: Sql, ids: readonly string[]): Promise<LockedWorkflow[]> {
  return sql.query<LockedWorkflow>(LOCK_WORKFLOWS, [ids]);
}

const REQUEST_CANCEL = statement(`
  update workflow
  set cancel_requested_at = coalesce(cancel_requested_at, now()), cancel_reason = coalesce(cancel_reason, $2)
  where id = $1`);

/** Writes down that a locked workflow is to end. */
export async function requestWorkflowCancel(sql: Sql, id: string, reason: string | null): Promise<void> {
  await sql.query(REQUEST_CANCEL, [id, reason]);
}

const STEP_COLUMNS = `s.workflow_id as "workflowId", s.position, s.key, s.state, s.task, s.on_failure as "onFailure",
  s.join_policy as "join", s.join_count as "joinCount", s.weight, cardinality(s.dependencies) as dependencies, s.dependants, s.succeeded, s.forgiven,
  s.missing, s.task_id as "taskId", s.error`;

const READ_STEPS = statement(`
  with named as (
    select s.workflow_id, s.position, s.dependants
    from jsonb_to_recordset($1::jsonb) as i("workflowId" uuid, position int)
    join workflow_step s on s.workflow_id = i."workflowId" and s.position = i.position
  ), wanted as (
    select workflow_id, position from named
    union
    select workflow_id, unnest(dependants) from named
  )
  select ${STEP_COLUMNS} from wanted w join workflow_step s on s.workflow_id = w.workflow_id and s.position = w.position`);

/** Which step. */
export interface StepPlace {
  workflowId: string;
  position: number;
}

/** Reads steps of locked workflows and their dependants, in any order. */
export function readSteps(sql: Sql, places: readonly StepPlace[]): Promise<StepRecord[]> {
  return sql.query<StepRecord>(READ_STEPS, [JSON.stringify(places)]);
}

const READ_ALL_STEPS = statement(`
  select ${STEP_COLUMNS} from workflow_step s where s.workflow_id = $1 order by s.position`);

/** Reads all steps of a locked workflow. */
export function readAllSteps(sql: Sql, workflowId: string): Promise<StepRecord[]> {
  return sql.query<StepRecord>(READ_ALL_STEPS, [workflowId]);
}

/**
 * What the results that a step takes may be in all, in bytes of Postgres's text of JSON. A payload that may be stored can't
 * take more: a number like 1e308 has 6 characters in it and 310 in that text.
 */
const RESULTS_MAX_BYTES = 16 * 1024 ** 2;

/** Of results, only what is asked for is read: they may be much larger, and many steps may take a field of the same one. */
const READ_STARTS = statement(`
  select s.workflow_id as "workflowId", s.position, s.payload, s.input_from as "inputFrom", s.options, taken.results
  from jsonb_to_recordset($1::jsonb) as i("workflowId" uuid, position int)
  join workflow_step s on s.workflow_id = i."workflowId" and s.position = i.position
  cross join lateral (
    select jsonb_object_agg(step, paths) as by_step from (
      select source ->> 'step' as step, jsonb_agg(distinct coalesce(source ->> 'path', '')) as paths
      from jsonb_each(s.input_from) field, jsonb_array_elements(
        case jsonb_typeof(field.value) when 'array' then field.value else jsonb_build_array(field.value) end
      ) source
      group by 1
    ) sources
  ) wanted
  cross join lateral (
    select case when coalesce(sum(octet_length(value::text)), 0) <= ${RESULTS_MAX_BYTES} then coalesce(
      jsonb_agg(jsonb_build_object('step', step, 'path', path, 'found', value is not null, 'value', value)), '[]'
    ) end as results
    from (
      select d.key as step, p.path, t.result #> string_to_array(p.path, '.') as value
      from workflow_step d join task t on t.id = d.task_id, jsonb_array_elements_text(wanted.by_step -> d.key) p(path)
      where wanted.by_step is not null and d.workflow_id = s.workflow_id and d.position = any (s.dependencies)
        and t.state = 'SUCCESS'
    ) values
  ) taken`);

/** What a step needs to start. */
export interface StepStartDetails extends StepPlace, StepDetails {
  /** What its payload takes of the results of its dependencies that succeeded; null when that is too much for a payload. */
  results: SourceResult[] | null;
}

/** Reads what steps of locked workflows need to start, in any order. */
export function readStepStarts(sql: Sql, places: readonly StepPlace[]): Promise<StepStartDetails[]> {
  const input = places.map(({ workflowId, position }) => ({ workflowId, position }));
  return sql.query<StepStartDetails>(READ_STARTS, [JSON.stringify(input)]);
}

const FORGET_EXPIRIES = statement(`
  update workflow_step set options = options || '{"expiresAt": null}'
  where workflow_id = $1 and state <> 'SUCCESS' and (options ->> 'expiresAt')::timestamptz <= now()`);

/** Forgets when the steps of a locked workflow expire that have not succeeded, where that is over. */
export async function forgetExpiries(sql: Sql, workflowId: string): Promise<void> {
  await sql.query(FORGET_EXPIRIES, [workflowId]);
}

const READ_OPEN_STEPS = statement(`
  select ${STEP_COLUMNS} from workflow_step s
  where s.workflow_id = any ($1::uuid[]) and s.state in ('BLOCKED', 'READY', 'RUNNING')`);

/** The steps of workflows that have not ended, in any order. */
export function readOpenSteps(sql: Sql, workflowIds: readonly string[]): Promise<StepRecord[]> {
  return sql.query<StepRecord>(READ_OPEN_STEPS, [workflowIds]);
}

const RECORD_ADVANCES = statement(`
  with workflows as (
    update workflow w
    set state = i.state, sequence = i.sequence, open_steps = i."openSteps", done_weight = i."doneWeight", percent = i.percent,
      error = nullif(i.error, 'null'),
      cancel_requested_at = case when i.cancelled then w.cancel_requested_at end,
      cancel_reason = case when i.cancelled then w.cancel_reason end, finished_at = case when i.state = 'RUNNING' then null else i.now end
    from jsonb_to_recordset($1::jsonb) as i(
      id uuid, state text, sequence int, "openSteps" int, "doneWeight" float8, percent float8, error jsonb, cancelled boolean,
      now timestamptz
    )
    where w.id = i.id
  ), steps as (
    update workflow_step s
    set state = i.state, task_id = i."taskId", error = nullif(i.error, 'null'), succeeded = i.succeeded,
      forgiven = i.forgiven, missing = i.missing
    from jsonb_to_recordset($2::jsonb) as i(
      "workflowId" uuid, position int, state text, "taskId" uuid, error jsonb, succeeded int, forgiven int, missing int
    )
    where s.workflow_id = i."workflowId" and s.position = i.position
  )
  insert into workflow_event
    (workflow_id, sequence, type, at, state, percent, step_key, step_state, task_id, task_sequence)
  select "workflowId", sequence, type, at, state, percent, "stepKey", "stepState", "taskId", "taskSequence"
  from jsonb_to_recordset($3::jsonb) as i(
    "workflowId" uuid, sequence int, type text, at timestamptz, state text, percent float8, "stepKey" text,
    "stepState" text, "taskId" uuid, "taskSequence" int
  )`);

/** Writes what advancing has changed. */
export async function recordAdvances(sql: Sql, advances: readonly Advance[]): Promise<void> {
  const workflows = advances.map(({ workflow, at }) => ({ ...workflow, now: at }));
  const steps = advances.flatMap(({ changedSteps }) =>
    changedSteps.map((step) => {
      const { workflowId, position, state, taskId, error, succeeded, forgiven, missing } = step;
      return { workflowId, position, state, taskId, error, succeeded, forgiven, missing };
    }),
  );
  const events = advances.flatMap((advance) => advance.events);
  await sql.query(RECORD_ADVANCES, [JSON.stringify(workflows), JSON.stringify(steps), JSON.stringify(events)]);
}
