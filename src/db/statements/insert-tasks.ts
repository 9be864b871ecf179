import type { Sql } from '../sql.ts';
import { statement } from '../sql.ts';

/** A task as it is before anything happened to it. */
export interface NewTask {
  id: string;
  name: string;
  queue: string;
  priority: number;
  input: unknown;
  maxAttempts: number;
  /** Whether its caller said so: then it counts more than retry rules. */
  attemptsAsked: boolean;
  tags: readonly string[];
  owner: string;
  idempotencyKey: string | null;
  createdAt: Date;
  runAt: Date | null;
  /** Not started by then: REVOKED with EXPIRED. */
  expiresAt: Date | null;
  /** The workflow that it is a step of. */
  workflowId: string | null;
  /** The position of that step. */
  workflowStep: number | null;
}

/** Keys are taken in one order, so that statements which bring the same ones wait for each other and never deadlock. */
const insertTasksFrom = (source: string) => `
  input as (
    select i.* from ${source}jsonb_to_recordset($1::jsonb) as i(
      id uuid, name text, queue text, priority smallint, input jsonb, "maxAttempts" int, "attemptsAsked" boolean, tags text[], owner text,
      "idempotencyKey" text, "createdAt" timestamptz, "runAt" timestamptz, "expiresAt" timestamptz,
      "workflowId" uuid, "workflowStep" int
    )
  ), inserted as (
    insert into task
      (id, name, queue, priority, input, max_attempts, attempts_asked, tags, owner, idempotency_key, created_at, run_at, expires_at,
        workflow_id, workflow_step)
    select id, name, queue, priority, input, "maxAttempts", "attemptsAsked", tags, owner, "idempotencyKey", "createdAt", "runAt", "expiresAt",
      "workflowId", "workflowStep"
    from input order by owner, "idempotencyKey"
    on conflict (owner, idempotency_key) where idempotency_key is not null do nothing
    returning id, tags, expires_at
  ), opened as (
    insert into open_task (task_id, expires_at) select id, expires_at from inserted
  ), tagged as (
    insert into task_tag (tag, task_id) select distinct tag, id from inserted, unnest(tags) tag
  )
  select id from inserted`;

const INSERT_TASKS = statement(`with ${insertTasksFrom('')}`);

/** The setting holds for the statement's own transaction; the input is read after it, and all of it before the first insert. */
const INSERT_TASKS_IMPATIENTLY = statement(`
  with impatience as materialized (
    select set_config('lock_timeout', $2, true)
  ), ${insertTasksFrom('impatience, ')}`);

/** Inserts tasks in one statement; answers the ids of those that are new: the others' idempotency keys were taken. */
export async function insertTasks(sql: Sql, tasks: readonly NewTask[]): Promise<Set<string>> {
  const rows = await sql.query<{ id: string }>(INSERT_TASKS, [JSON.stringify(tasks)]);
  return new Set(rows.map(({ id }) => id));
}

/**
 * As {@link insertTasks}, in a transaction of its own and without waiting longer than `lockTimeoutMs` for a transaction that
 * is about to take one of the keys: rejects with 55P03 then, and nothing is inserted.
 */
export async function insertTasksImpatiently(
  sql: Sql,
  tasks: readonly NewTask[],
  lockTimeoutMs: number,
): Promise<Set<string>> {
  const values = [JSON.stringify(tasks), String(lockTimeoutMs)];
  const rows = await sql.query<{ id: string }>(INSERT_TASKS_IMPATIENTLY, values);
  return new Set(rows.map(({ id }) => id));
}

/** The task that holds an idempotency key. */
export interface KeyHolder {
  owner: string;
  key: string;
  id: string;
  /** Whether it has the name and the input that were asked for. */
  same: boolean;
}

const FIND_KEY_HOLDERS = statement(`
  select t.owner, t.idempotency_key as key, t.id, (t.name = i.name and t.input = i.input) as same
  from jsonb_to_recordset($1::jsonb) as i(owner text, "idempotencyKey" text, name text, input jsonb)
  join task t on t.owner = i.owner and t.idempotency_key = i."idempotencyKey"`);

/** Finds the tasks that hold the keys of `tasks`, in any order. */
export function findKeyHolders(sql: Sql, tasks: readonly NewTask[]): Promise<KeyHolder[]> {
  return sql.query<KeyHolder>(FIND_KEY_HOLDERS, [JSON.stringify(tasks)]);
}
