import { firstIdAt } from '../../core/ids.ts';
import type { TerminalState } from '../../core/task-state.ts';
import { type Sql, type Statement, statement } from '../sql.ts';

/** The most tasks or workflows in a page. */
export const ENDED_PAGE_SIZE = 1000;

/** Before every id. */
export const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** A page of what has ended, in the order of their ids. */
export interface EndedPage {
  /** Of those that had ended by the time that was asked for. */
  ids: string[];
  /** Where the next page begins; null after the last one. */
  next: string | null;
}

/** A task that ended before a time was made before it too, so its id is below the first one of that time. */
const LIST_ENDED = statement(`
  select o.task_id as id, t.finished_at < $4 as due
  from task_outcome o join task t on t.id = o.task_id
  where o.state = $1 and o.task_id > $2 and o.task_id < $3
  order by o.task_id limit ${ENDED_PAGE_SIZE}`);

/** Lists tasks after an id that came to an end in a state before a time. */
export function listEndedTasks(sql: Sql, state: TerminalState, endedBefore: Date, after: string): Promise<EndedPage> {
  return listPage(sql, LIST_ENDED, [state, after, firstIdAt(endedBefore), endedBefore]);
}

const LIST_ENDED_WORKFLOWS = statement(`
  select id, finished_at < $4 as due from workflow
  where state = $1 and id > $2 and id < $3
  order by id limit ${ENDED_PAGE_SIZE}`);

/** As {@link listEndedTasks}, of workflows. */
export function listEndedWorkflows(
  sql: Sql,
  state: TerminalState,
  endedBefore: Date,
  after: string,
): Promise<EndedPage> {
  return listPage(sql, LIST_ENDED_WORKFLOWS, [state, after, firstIdAt(endedBefore), endedBefore]);
}

async function listPage(sql: Sql, list: Statement, values: readonly unknown[]): Promise<EndedPage> {
  const rows = await sql.query<{ id: string; due: boolean }>(list, values);
  const ids = rows.filter(({ due }) => due).map(({ id }) => id);
  return { ids, next: rows.length < ENDED_PAGE_SIZE ? null : (rows.at(-1)?.id ?? null) };
}

const COUNT_ENDED = statement('select count(*)::int as count from task_outcome where task_id < $1');

/** How many ended tasks were enqueued before a time: at least as many as had ended by then. */
export async function countEndedTasks(sql: Sql, enqueuedBefore: Date): Promise<number> {
  const [row] = await sql.query<{ count: number }>(COUNT_ENDED, [firstIdAt(enqueuedBefore)]);
  return row?.count ?? 0;
}

const READ_ROWS = statement('select to_jsonb(t) as task from task t where id = any ($1::uuid[]) order by id');

/** The rows of tasks as they are stored, by their columns' names. */
export async function readTaskRows(sql: Sql, ids: readonly string[]): Promise<Record<string, unknown>[]> {
  const rows = await sql.query<{ task: Record<string, unknown> }>(READ_ROWS, [ids]);
  return rows.map(({ task }) => task);
}
