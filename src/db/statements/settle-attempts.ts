import type { TaskError } from '../../core/task-event.ts';
import { statesBefore, type TaskState } from '../../core/task-state.ts';
import { isoUtc, type Sql, stateList, statement } from '../sql.ts';
import type { StepEnd } from './end-task.ts';

/** How an attempt ends: the last one with a terminal state, any other with RETRY. */
export interface Settlement {
  taskId: string;
  attempt: number;
  state: Extract<TaskState, 'SUCCESS' | 'FAILURE' | 'REVOKED' | 'RETRY'>;
  result: unknown;
  error: TaskError | null;
  /** Until the next attempt, with RETRY. */
  delayMs: number;
  /** Whether the attempt ended because its worker was lost. */
  lost: boolean;
  /** The workflow that the task is a step of: it goes on in the same transaction. */
  workflowId: string | null;
}

/** What was written. `state` differs from what was asked when a cancellation met a RETRY: then it is REVOKED. */
export interface SettledTask extends StepEnd {
  state: Settlement['state'];
  /** Of the STARTED event of the attempt. */
  startedSequence: number | null;
  attempt: number;
  error: TaskError | null;
  /** Why it was to be cancelled, if it was. */
  cancelReason: string | null;
  /** Until the next attempt, with RETRY. */
  delayMs: number;
  /** ISO 8601. */
  at: string;
}

const CANCELLED = `a.state = 'RETRY' and t.cancel_requested_at is not null`;
const GOES_ON = `a.state = 'RETRY' and t.cancel_requested_at is null`;

/**
 * One statement for all ends of attempts. Fenced: only the current attempt of a task that runs is written. The events of
 * an attempt that is not the last are copied out of the task's row, which the next attempt will overwrite. Whether a RETRY
 * meets a cancellation is read from the row as it is when it is written (`t`), which may be newer than the snapshot (`a`).
 */
const SETTLE_ATTEMPTS = statement(`
  with input as (
    select * from jsonb_to_recordset($1::jsonb) as i(
      "taskId" uuid, attempt int, state text, result jsonb, error jsonb, "delayMs" float8, lost boolean
    )
  ), asked as (
    select t.id, i.attempt, i.state, i.result, i.error, i.lost, i."delayMs", t.started_sequence
    from input i join task t on t.id = i."taskId"
  ), settled as (
    update task t
    set state = case when ${CANCELLED} then 'REVOKED' else a.state end,
      error = case when ${CANCELLED}
        then jsonb_build_object('code', 'CANCELLED', 'message', coalesce(t.cancel_reason, 'The task was cancelled'),
          'retryable', false)
        else a.error end,
      result = a.result, sequence = t.sequence + 1, losses = t.losses + a.lost::int,
      failures = t.failures + (a.state in ('RETRY', 'FAILURE') and not a.lost)::int,
      started_sequence = case when ${GOES_ON} then null else t.started_sequence end,
      run_at = case when ${GOES_ON} then now() + a."delayMs" * interval '1 ms' else t.run_at end,
      finished_at = case when ${GOES_ON} then null else now() end
    from asked a
    where t.id = a.id and t.attempt = a.attempt and t.state in (${stateList(statesBefore('RETRY'))})
    returning t.id, t.state, t.sequence, t.attempt, t.error, t.worker, t.cancel_reason, t.attempt_started_at,
      t.workflow_id, t.workflow_step, a.started_sequence, a."delayMs"
  ), closed as (
    delete from open_task o using settled s where o.task_id = s.id and s.state <> 'RETRY'
  ), released as (
    delete from task_claim c using settled s where c.task_id = s.id and s.state <> 'RETRY'
  ), outcomes as (
    insert into task_outcome (state, task_id) select state, id from settled where state <> 'RETRY'
  ), history as (
    insert into task_event (task_id, sequence, type, at, state, attempt, error)
    select id, started_sequence, 'STARTED', attempt_started_at, 'STARTED', attempt, null from settled
    where state = 'RETRY'
    union all
    select id, sequence, 'RETRY', now(), 'RETRY', attempt, error from settled where state = 'RETRY'
  ), attempts as (
    insert into task_attempt (task_id, number, started_at, finished_at, worker, error)
    select id, attempt, attempt_started_at, now(), worker, error from settled where state = 'RETRY'
  )
  select id, state, sequence, attempt, error, cancel_reason as "cancelReason", "delayMs", ${isoUtc('now()')} as at,
    started_sequence as "startedSequence", workflow_id as "workflowId", workflow_step as "workflowStep"
  from settled`);

/** Ends attempts; answers those that were written. One that is missing was fenced off: it is not current any more. */
export function settleAttempts(sql: Sql, settlements: readonly Settlement[]): Promise<SettledTask[]> {
  return sql.query<SettledTask>(SETTLE_ATTEMPTS, [JSON.stringify(settlements)]);
}
