import type { TaskError } from '../../core/task-event.ts';
import { statesBefore } from '../../core/task-state.ts';
import { isoUtc, type Sql, stateList, statement } from '../sql.ts';
import type { DispatchableTask } from './find-undispatched.ts';

const NOT_RUNNING = `'PENDING', 'RETRY'`;
const RUNNING = stateList(statesBefore('PROGRESS'));

/** The columns of a {@link RevokedTask}, of the rows that were revoked. */
const REVOKED_COLUMNS = `id, state, queue, run, attempt, sequence, error, cancel_reason as reason,
  ${isoUtc('finished_at')} as at, workflow_id as "workflowId", workflow_step as "workflowStep"`;

const REVOKE_WAITING = statement(`
  with revoked as (
    update task
    set state = 'REVOKED', sequence = sequence + 1, finished_at = now(), cancel_requested_at = now(), cancel_reason = $2,
      error = jsonb_build_object('code', 'CANCELLED', 'message', coalesce($2, 'The task was cancelled'), 'retryable', false)
    where id = any ($1::uuid[]) and state in (${NOT_RUNNING})
    returning *
  ), closed as (
    delete from open_task where task_id in (select id from revoked)
  ), released as (
    delete from task_claim where task_id in (select id from revoked)
  ), unparked as (
    delete from parked_task where task_id in (select id from revoked)
  ), outcome as (
    insert into task_outcome (state, task_id) select 'REVOKED', id from revoked
  )
  select ${REVOKED_COLUMNS} from revoked`);

/** A task that was revoked while it did not run. */
export interface RevokedTask extends StepEnd {
  state: 'REVOKED';
  queue: string;
  run: number;
  attempt: number;
  error: TaskError;
  reason: string | null;
  /** ISO 8601. */
  at: string;
}

/** Ends those of the tasks that do not run at this moment; answers them. */
export function revokeWaiting(sql: Sql, ids: readonly string[], reason: string | null): Promise<RevokedTask[]> {
  return sql.query<RevokedTask>(REVOKE_WAITING, [ids, reason]);
}

/** The end of a task, as the workflow that it is a step of has to know it. */
export interface StepEnd {
  id: string;
  /** Of the event that it is. */
  sequence: number;
  /** Null for a task that is in no workflow. */
  workflowId: string | null;
  workflowStep: number | null;
}

const REQUEST_CANCEL = statement(`
  update task
  set cancel_requested_at = coalesce(cancel_requested_at, now()), cancel_reason = coalesce(cancel_reason, $2),
    cancel_force = cancel_force or $3
  where id = any ($1::uuid[]) and state in (${RUNNING})
  returning id`);

/** Writes down that running tasks are to end; answers the ids of those that run. */
export async function requestCancel(
  sql: Sql,
  ids: readonly string[],
  reason: string | null,
  force = false,
): Promise<string[]> {
  return (await sql.query<{ id: string }>(REQUEST_CANCEL, [ids, reason, force])).map(({ id }) => id);
}

const REOPEN = statement(`
  with ended as (
    select t.* from jsonb_to_recordset($1::jsonb) as i(id uuid, input jsonb) join task t on t.id = i.id
    where t.state in (${stateList(statesBefore('PENDING'))}) and (i.input is null or t.input = i.input)
    order by t.id for update of t
  ), history as (
    insert into task_event (task_id, sequence, type, at, state, attempt, error, message)
    select id, started_sequence, 'STARTED', attempt_started_at, 'STARTED', attempt, null, null from ended
    where started_sequence is not null
    union all
    select id, sequence, state, finished_at, state, attempt, error, cancel_reason from ended
    union all
    select id, sequence + 1, 'ENQUEUED', now(), 'PENDING', attempt, null, null from ended
  ), attempts as (
    insert into task_attempt (task_id, number, started_at, finished_at, worker, error)
    select id, attempt, attempt_started_at, finished_at, worker, error from ended where started_sequence is not null
  ), outcome as (
    delete from task_outcome o using ended e where o.state = e.state and o.task_id = e.id
  ), opened as (
    insert into open_task (task_id) select id from ended
  ), runs as (
    insert into schedule_run (schedule, task_id)
    select s.key, e.id from ended e join schedule s on e.owner = 'schedule:' || s.key where s.overlap <> 'ALLOW'
    on conflict do nothing
  )
  update task t
  set state = 'PENDING', run = t.run + 1, failures = 0, losses = 0, sequence = e.sequence + 1, started_sequence = null,
    result = null, error = null, progress = null, run_at = null, expires_at = null, finished_at = null,
    cancel_requested_at = null, cancel_reason = null, cancel_force = false
  from ended e where t.id = e.id
  returning t.id, t.name, t.queue, t.priority, t.sequence, t.attempt, t.run, ${isoUtc('now()')} as at`);

/** A task that is to be PENDING again. */
export interface Reopening {
  id: string;
  /** Only if it has this one. */
  input?: unknown;
}

/** A task that is PENDING again. */
export interface ReopenedTask extends Omit<DispatchableTask, 'delayMs'> {
  /** Of its new ENQUEUED event. */
  sequence: number;
  attempt: number;
  /** ISO 8601. */
  at: string;
}

/**
 * Takes tasks that failed or were revoked back to PENDING with the budget of attempts that they were enqueued with; their
 * history stays. A run of a schedule is an open one of it again. Answers those that were in such a state.
 */
export function reopenTasks(sql: Sql, tasks: readonly Reopening[]): Promise<ReopenedTask[]> {
  return sql.query<ReopenedTask>(REOPEN, [JSON.stringify(tasks)]);
}

const EXPIRE = statement(`
  with due as (
    select task_id from open_task where task_id = any ($1::uuid[]) and expires_at <= now()
  ), expired as (
    update task t
    set state = 'REVOKED', sequence = sequence + 1, finished_at = now(), error = jsonb_build_object(
      'code', 'EXPIRED', 'message', 'The task was not started before it expired', 'retryable', false)
    from due d where t.id = d.task_id and t.state = 'PENDING' and t.attempt = 0
    returning t.*
  ), closed as (
    delete from open_task o using expired e where o.task_id = e.id
  ), started as (
    update open_task o set expires_at = null from due d
    where o.task_id = d.task_id and not exists (select from expired e where e.id = o.task_id)
  ), unparked as (
    delete from parked_task p using expired e where p.task_id = e.id
  ), outcome as (
    insert into task_outcome (state, task_id) select 'REVOKED', id from expired
  )
  select ${REVOKED_COLUMNS} from expired`);

/** Ends those of the tasks that were not started by the time that they expire; answers them. */
export function expireTasks(sql: Sql, ids: readonly string[]): Promise<RevokedTask[]> {
  return sql.query<RevokedTask>(EXPIRE, [ids]);
}

const LIST_DUE = statement(`
  select o.task_id as id, t.workflow_id as "workflowId"
  from open_task o join task t on t.id = o.task_id
  where o.expires_at <= now() order by o.expires_at limit $1`);

/** Tasks whose time to start is over, at most `limit`; some of them may have started. */
export function listExpiring(sql: Sql, limit: number): Promise<Pick<StepEnd, 'id' | 'workflowId'>[]> {
  return sql.query(LIST_DUE, [limit]);
}
