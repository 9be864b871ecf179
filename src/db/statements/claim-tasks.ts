import { statesBefore, type TaskState } from '../../core/task-state.ts';
import { isoUtc, type Sql, stateList, statement } from '../sql.ts';

/** A task that has just become this worker's, for one attempt. */
export interface ClaimedTask {
  id: string;
  name: string;
  input: unknown;
  /** The number of the attempt: every later write names it (fencing). */
  attempt: number;
  maxAttempts: number;
  /** Whether its caller said so. */
  attemptsAsked: boolean;
  /** Attempts of this run that failed before this one. */
  failures: number;
  /** Of the STARTED event. */
  sequence: number;
  /** ISO 8601. */
  startedAt: string;
  /** The workflow that it is a step of. */
  workflowId: string | null;
  /** The position of that step. */
  workflowStep: number | null;
}

/** The clocks of Redis and Postgres differ a little: a task may start this much before its time. */
const CLOCK_SLACK = `interval '50 ms'`;

/**
 * Without waiting for the disk: a claim that a crash of Postgres takes back is made again. `set_config` is in the statement
 * itself because its transaction is this one statement.
 */
const CLAIM_TASKS = statement(`
  with claimed as (
    update task t
    set state = 'STARTED', attempt = t.attempt + 1, sequence = t.sequence + 1, started_sequence = t.sequence + 1,
      worker = $2, started_at = coalesce(t.started_at, now()), attempt_started_at = now()
    from (select set_config('synchronous_commit', 'off', true) as setting) lazily
    where t.id = any ($1::uuid[]) and lazily.setting = 'off'
      and t.name = any ($3::text[]) and t.state in (${stateList(statesBefore('STARTED'))})
      and (t.expires_at is null or t.attempt > 0 or t.expires_at > now())
      and (t.run_at is null or t.run_at <= now() + ${CLOCK_SLACK})
    returning t.id, t.name, t.input, t.attempt, t.max_attempts, t.attempts_asked, t.failures, t.sequence, t.attempt_started_at,
      t.workflow_id, t.workflow_step
  ), claims as (
    insert into task_claim (task_id, worker, attempt) select id, $2, attempt from claimed
    on conflict (task_id) do update set worker = excluded.worker, attempt = excluded.attempt
  )
  select id, name, input, attempt, max_attempts as "maxAttempts", attempts_asked as "attemptsAsked", failures, sequence,
    ${isoUtc('attempt_started_at')} as "startedAt", workflow_id as "workflowId", workflow_step as "workflowStep"
  from claimed`);

/** Claims those of the tasks that may start now and have one of the names; the others are left as they are. */
export function claimTasks(
  sql: Sql,
  ids: readonly string[],
  worker: string,
  names: readonly string[],
): Promise<ClaimedTask[]> {
  return sql.query<ClaimedTask>(CLAIM_TASKS, [ids, worker, names]);
}

/** Why a task could not be claimed. */
export interface UnclaimedTask {
  id: string;
  name: string;
  queue: string;
  state: TaskState;
  /** Whether it was not started by the time that it expires. */
  expired: boolean;
  /** Milliseconds until its time; 0 or less when that has come. */
  dueInMs: number;
  /** Milliseconds since the worker that runs it was last heard of; null when it is not known at all. */
  silentMs: number | null;
}

const INSPECT_UNCLAIMED = statement(`
  select t.id, t.name, t.queue, t.state, coalesce(t.attempt = 0 and t.expires_at <= now(), false) as expired,
    (extract(epoch from coalesce(t.run_at, now()) - now()) * 1000)::float8 as "dueInMs",
    (extract(epoch from now() - w.heartbeat_at) * 1000)::float8 as "silentMs"
  from task t left join worker w on w.id = t.worker
  where t.id = $1`);

/** Looks at a task that was not claimed; undefined when there is no such task. */
export async function inspectUnclaimed(sql: Sql, id: string): Promise<UnclaimedTask | undefined> {
  const [row] = await sql.query<UnclaimedTask>(INSPECT_UNCLAIMED, [id]);
  return row;
}
