import { statesBefore } from '../../core/task-state.ts';
import { type Sql, stateList, statement } from '../sql.ts';

const HEARTBEAT = statement(`
  insert into worker (id, queues, names) values ($1, $2, $3)
  on conflict (id) do update set heartbeat_at = now()`);

/** What a worker says of itself. */
export interface WorkerDescription {
  id: string;
  queues: readonly string[];
  /** Of the tasks that it has handlers for. */
  names: readonly string[];
}

/** Says that a worker lives. */
export async function recordHeartbeat(sql: Sql, { id, queues, names }: WorkerDescription): Promise<void> {
  await sql.query(HEARTBEAT, [id, queues, names]);
}

const REMOVE_WORKER = statement('delete from worker where id = $1');

/** Says that a worker has stopped. */
export async function removeWorker(sql: Sql, worker: string): Promise<void> {
  await sql.query(REMOVE_WORKER, [worker]);
}

const LIST_CANCELLED = statement(`
  select t.id, t.cancel_reason as reason, t.cancel_force as force from task_claim c join task t on t.id = c.task_id
  where c.worker = $1 and t.cancel_requested_at is not null and t.state in (${stateList(statesBefore('PROGRESS'))})`);

/** The tasks of a worker that are to end. */
export function listCancelled(
  sql: Sql,
  worker: string,
): Promise<{ id: string; reason: string | null; force: boolean }[]> {
  return sql.query(LIST_CANCELLED, [worker]);
}

/** An attempt whose worker has not been heard of for too long. */
export interface LostAttempt {
  taskId: string;
  attempt: number;
  worker: string;
  /** Losses before this one. */
  losses: number;
  /** The workflow that the task is a step of. */
  workflowId: string | null;
}

const LIST_LOST = statement(`
  select c.task_id as "taskId", c.attempt, c.worker, t.losses, t.workflow_id as "workflowId"
  from task_claim c join task t on t.id = c.task_id left join worker w on w.id = c.worker
  where (w.id is null or w.heartbeat_at < now() - $1::float8 * interval '1 ms')
    and t.state in (${stateList(statesBefore('PROGRESS'))}) and ($2::uuid is null or c.task_id = $2::uuid)
  limit 500`);

/** Attempts of lost workers, at most 500; of one task only when its id is given. */
export function listLostAttempts(sql: Sql, lostAfterMs: number, taskId: string | null): Promise<LostAttempt[]> {
  return sql.query(LIST_LOST, [lostAfterMs, taskId]);
}

const END_SESSIONS = statement(`
  select pg_terminate_backend(pid) from pg_stat_activity
  where application_name = any ($1::text[]) and datname = current_database() and pid <> pg_backend_pid()`);

/** Ends the sessions of lost workers, so that a paused one holds no lock that its successor waits for. */
export async function endSessions(sql: Sql, workers: readonly string[]): Promise<void> {
  await sql.query(END_SESSIONS, [workers.map(applicationNameOf)]);
}

const FORGET_WORKERS = statement(`
  delete from worker w where heartbeat_at < now() - interval '1 day'
    and not exists (select from task_claim c where c.worker = w.id)`);

/** Forgets workers that were lost long ago and whose tasks have been taken over. */
export async function forgetWorkers(sql: Sql): Promise<void> {
  await sql.query(FORGET_WORKERS, []);
}

/** The name of a worker's sessions in Postgres. */
export function applicationNameOf(worker: string): string {
  return `taskwire:worker:${worker}`.slice(0, 63);
}
