import { statesBefore } from '../../core/task-state.ts';
import { isoUtc, type Sql, stateList, statement } from '../sql.ts';

const NOT_RUNNING = `'PENDING', 'RETRY'`;
const RUNNING = stateList(statesBefore('PROGRESS'));

const REVOKE_WAITING = statement(`
  with revoked as (
    update task
    set state = 'REVOKED', sequence = sequence + 1, finished_at = now(), cancel_requested_at = now(), cancel_reason = $2,
      error = jsonb_build_object('code', 'CANCELLED', 'message', coalesce($2, 'The task was cancelled'), 'retryable', false)
    where id = $1 and state in (${NOT_RUNNING})
    returning id, queue, run, sequence
  ), closed as (
    delete from open_task where task_id in (select id from revoked)
  ), released as (
    delete from task_claim where task_id in (select id from revoked)
  ), outcome as (
    insert into task_outcome (state, task_id) select 'REVOKED', id from revoked
  )
  select id, queue, run, sequence from revoked`);

/** A task that was revoked before it ran. */
export interface RevokedTask {
  id: string;
  queue: string;
  run: number;
  /** Of its REVOKED event. */
  sequence: number;
}

/** Ends a task that does not run at this moment; undefined when it runs, has ended or is unknown. */
export async function revokeWaiting(sql: Sql, id: string, reason: string | null): Promise<RevokedTask | undefined> {
  const [row] = await sql.query<RevokedTask>(REVOKE_WAITING, [id, reason]);
  return row;
}

const REQUEST_CANCEL = statement(`
  update task
  set cancel_requested_at = coalesce(cancel_requested_at, now()), cancel_reason = coalesce(cancel_reason, $2),
    cancel_force = cancel_force or $3
  where id = $1 and state in (${RUNNING})
  returning id`);

/** Writes down that a running task is to end; answers whether it runs. */
export async function requestCancel(sql: Sql, id: string, reason: string | null, force = false): Promise<boolean> {
  return (await sql.query(REQUEST_CANCEL, [id, reason, force])).length > 0;
}

const REOPEN = statement(`
  with ended as (
    select * from task where id = $1 and state in (${stateList(statesBefore('PENDING'))}) for update
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
  )
  update task t
  set state = 'PENDING', run = t.run + 1, failures = 0, losses = 0, sequence = e.sequence + 1, started_sequence = null,
    result = null, error = null, progress = null, run_at = null, expires_at = null, finished_at = null,
    cancel_requested_at = null, cancel_reason = null, cancel_force = false
  from ended e where t.id = e.id
  returning t.sequence, t.attempt, t.run`);

/** A task that is PENDING again. */
export interface ReopenedTask {
  /** Of its new ENQUEUED event. */
  sequence: number;
  attempt: number;
  run: number;
}

/**
 * Takes a task that failed or was revoked back to PENDING with the budget of attempts that it was enqueued with; its
 * history stays. Undefined when the task is in another state or unknown.
 */
export async function reopenTask(sql: Sql, id: string): Promise<ReopenedTask | undefined> {
  const [row] = await sql.query<ReopenedTask>(REOPEN, [id]);
  return row;
}

const EXPIRE = statement(`
  with due as (
    select o.task_id from open_task o where o.expires_at <= now() order by o.expires_at limit $1
  ), expired as (
    update task t
    set state = 'REVOKED', sequence = sequence + 1, finished_at = now(), error = jsonb_build_object(
      'code', 'EXPIRED', 'message', 'The task was not started before it expired', 'retryable', false)
    from due d where t.id = d.task_id and t.state = 'PENDING' and t.attempt = 0
    returning t.id, t.sequence
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
  select id, sequence, ${isoUtc('now()')} as at from expired`);

/** Ends tasks that were not started by the time that they expire, at most `limit`; answers those that it ended. */
export function expireTasks(sql: Sql, limit: number): Promise<{ id: string; sequence: number; at: string }[]> {
  return sql.query(EXPIRE, [limit]);
}
