import { type Sql, statement } from '../sql.ts';
import type { WorkerDescription } from './worker-heartbeat.ts';

const PARK = statement(`
  insert into parked_task (task_id, name) select id, name from task where id = $1 and state in ('PENDING', 'RETRY')
  on conflict do nothing`);

/** Puts a task aside that no live worker knows. */
export async function parkTask(sql: Sql, id: string): Promise<void> {
  await sql.query(PARK, [id]);
}

const KNOWS = statement(`
  select id from worker
  where $1 = any (names) and $2 = any (queues) and heartbeat_at >= now() - $3::float8 * interval '1 ms' limit 1`);

/** Whether a worker that was heard of lately takes tasks of that name from that queue. */
export async function someWorkerKnows(sql: Sql, name: string, queue: string, lostAfterMs: number): Promise<boolean> {
  return (await sql.query(KNOWS, [name, queue, lostAfterMs])).length > 0;
}

/**
 * With the number of this transaction, so that the reconciler finds what is not dispatched after it, and for another job,
 * as the worker that parked the task may not have ended the last one yet.
 */
const UNPARK = statement(`
  with unparked as (
    delete from parked_task p using task t
    where p.name = any ($1::text[]) and t.id = p.task_id and t.queue = any ($2::text[]) returning p.task_id
  ), renewed as (
    update open_task o set xid = pg_current_xact_id() from unparked u where o.task_id = u.task_id returning o.task_id
  )
  update task t set run = t.run + 1 from renewed r where t.id = r.task_id returning t.id`);

/** Takes back what a worker knows; answers the tasks that are still open and have to be dispatched. */
export async function unparkTasks(
  sql: Sql,
  { names, queues }: Pick<WorkerDescription, 'names' | 'queues'>,
): Promise<string[]> {
  return (await sql.query<{ id: string }>(UNPARK, [names, queues])).map(({ id }) => id);
}
