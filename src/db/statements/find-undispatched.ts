import { type Sql, statement } from '../sql.ts';

/** What BullMQ has to know of a task. */
export interface DispatchableTask {
  id: string;
  name: string;
  run: number;
  queue: string;
  priority: number;
  /** Milliseconds until it may start; 0 for at once. */
  delayMs: number;
}

const DISPATCHABLE = `t.id, t.name, t.run, t.queue, t.priority,
  greatest(0, extract(epoch from coalesce(t.run_at, now()) - now()) * 1000)::float8 as "delayMs"`;

const READ_DISPATCHABLE = statement(`
  select ${DISPATCHABLE} from open_task o join task t on t.id = o.task_id where o.task_id = any ($1::uuid[])`);

/** Those of the tasks that are committed and not at their end. */
export function readDispatchable(sql: Sql, ids: readonly string[]): Promise<DispatchableTask[]> {
  return sql.query(READ_DISPATCHABLE, [ids]);
}

/** A place in the open tasks in the order of the transactions that enqueued them. */
export interface OpenTaskCursor {
  xid: string;
  taskId: string;
}

/** Before every open task. */
export const FIRST_OPEN_TASK: OpenTaskCursor = { xid: '0', taskId: '00000000-0000-0000-0000-000000000000' };

const LIST_OPEN = statement(`
  select ${DISPATCHABLE}, o.xid::text as xid
  from open_task o join task t on t.id = o.task_id
  where (o.xid, o.task_id) > ($1::xid8, $2::uuid) and not exists (select from parked_task p where p.task_id = o.task_id)
  order by o.xid, o.task_id limit $3`);

/** The next open tasks after a cursor. */
export function listOpenTasks(
  sql: Sql,
  { xid, taskId }: OpenTaskCursor,
  limit: number,
): Promise<(DispatchableTask & { xid: string })[]> {
  return sql.query(LIST_OPEN, [xid, taskId, limit]);
}

const READ_HORIZON = statement(`
  select pg_snapshot_xmin(pg_current_snapshot())::text as settled, pg_snapshot_xmax(pg_current_snapshot())::text as next`);

/** Where the numbering of transactions stands: below `settled` every one has ended, `next` is not given out yet. */
export async function readHorizon(sql: Sql): Promise<{ settled: string; next: string }> {
  const [row] = await sql.query<{ settled: string; next: string }>(READ_HORIZON, []);
  if (!row) throw new Error('expected a row with the horizon of the transactions, got none');
  return row;
}
