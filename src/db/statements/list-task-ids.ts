import { firstIdAt } from '../../core/ids.ts';
import { isTerminal, type TaskState } from '../../core/task-state.ts';
import type { Sql } from '../sql.ts';

/** What a list of tasks is narrowed to; a filter that is left out does not narrow, and no task is in one of no states. */
export interface TaskFilter {
  states?: readonly TaskState[] | undefined;
  names?: readonly string[] | undefined;
  queues?: readonly string[] | undefined;
  /** All of them. */
  tags?: readonly string[] | undefined;
  /** Inclusive. */
  createdAfter?: Date | undefined;
  /** Exclusive. */
  createdBefore?: Date | undefined;
  /** A part of the id's beginning, or of name, input or error; at least 3 characters. */
  search?: string | undefined;
}

/** A page of ids. */
export interface IdRange {
  /** Only ids below this one. */
  before?: string | undefined;
  /** Only ids above this one. */
  after?: string | undefined;
  limit: number;
  /** `desc` is newest first. */
  order: 'asc' | 'desc';
}

/**
 * Lists ids of tasks. Ids sort by creation, so a page is a range of ids.
 *
 * A filter with several values becomes one ordered index scan for each value, merged: `= any (…)` over an index of
 * (value, id) could not deliver the ids in order. The states that are at their end come from `task_outcome`, the others from
 * `open_task` and `task_claim`, all of which are small or sorted by id.
 */
export async function listTaskIds(sql: Sql, filter: TaskFilter, range: IdRange): Promise<string[]> {
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const where = conditions(filter, bind);
  const limit = bind(range.limit);
  const branches = branchesOf(filter, where.length > 0, bind).map(({ source, id, sameId, extra }) => {
    const bounded = [id, ...sameId].flatMap((column) => bounds(column, filter, range, bind));
    const all = [...extra, ...bounded, ...where];
    const narrowed = all.length > 0 ? `where ${all.join(' and ')}` : '';
    return `(select ${id} as id from ${source} ${narrowed} order by ${id} ${range.order} limit ${limit})`;
  });
  if (branches.length === 0) return [];

  const text = `select distinct id from (${branches.join(' union all ')}) ids order by id ${range.order} limit ${limit}`;
  const rows = await sql.query<{ id: string }>({ text }, values);
  return rows.map(({ id }) => id);
}

type Bind = (value: unknown) => string;

interface Branch {
  source: string;
  /** The column that the page is cut from; its index has the order. */
  id: string;
  /** Columns that it is joined with: Postgres does not conclude by itself that they lie within the same bounds. */
  sameId: string[];
  extra: string[];
}

/** One branch for each value of the filter that narrows best; `withTask` when there are conditions on `task t` beside it. */
function branchesOf(filter: TaskFilter, withTask: boolean, bind: Bind): Branch[] {
  if (filter.states) return filter.states.map((state) => branchOfState(state, withTask, bind));
  if (filter.names) return filter.names.map((name) => branchOfTask(`t.name = ${bind(name)}`));
  if (filter.queues) return filter.queues.map((queue) => branchOfTask(`t.queue = ${bind(queue)}`));
  return [branchOfTask()];
}

function branchOfTask(...extra: string[]): Branch {
  return { source: 'task t', id: 't.id', sameId: [], extra };
}

/** PENDING is what is open and was never claimed; only what tells the other open states apart stands in `task` alone. */
function branchOfState(state: TaskState, withTask: boolean, bind: Bind): Branch {
  if (isTerminal(state)) return branchOfNarrow('task_outcome', withTask, `s.state = ${bind(state)}`);
  if (state === 'PENDING') return branchOfNarrow('open_task', withTask, UNCLAIMED);
  return branchOfNarrow('task_claim', true, `t.state = ${bind(state)}`);
}

const UNCLAIMED = 'not exists (select from task_claim c where c.task_id = s.task_id)';

function branchOfNarrow(table: string, withTask: boolean, condition: string): Branch {
  const narrow = { source: `${table} s`, id: 's.task_id', sameId: [], extra: [condition] };
  return withTask ? { ...narrow, source: `${table} s join task t on t.id = s.task_id`, sameId: ['t.id'] } : narrow;
}

/** The filters that stand beside the branches. */
function conditions(filter: TaskFilter, bind: Bind): string[] {
  const { states, names, queues, tags, search } = filter;
  return [
    ...(names && states ? [`t.name = any (${bind(names)}::text[])`] : []),
    ...(queues && (states || names) ? [`t.queue = any (${bind(queues)}::text[])`] : []),
    ...(tags?.length ? [`t.tags <> '{}' and t.tags @> ${bind(tags)}::text[]`] : []),
    ...(search ? [searchCondition(search, bind)] : []),
  ];
}

/** The same expressions as the indexes have. In the text of an input, quotes and backslashes are escaped. */
function searchCondition(search: string, bind: Bind): string {
  const pattern = bind(patternOf(search));
  const escaped = JSON.stringify(search).slice(1, -1);
  const patterns = escaped === search ? [pattern] : [pattern, bind(patternOf(escaped))];
  const alternatives = [
    ...patterns.map((one) => `left(t.name || ' ' || t.input::text, 4000) ilike ${one}`),
    `(t.error is not null and ((t.error ->> 'code') || ' ' || (t.error ->> 'message')) ilike ${pattern})`,
  ];
  const ids = idsStartingWith(search);
  if (ids) alternatives.push(`t.id between ${bind(ids.first)} and ${bind(ids.last)}`);
  return `(${alternatives.join(' or ')})`;
}

function patternOf(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

const UUID_TEMPLATE = '00000000-0000-0000-0000-000000000000';

/** The ids that begin with a text, or undefined when none can. */
function idsStartingWith(text: string): { first: string; last: string } | undefined {
  const prefix = text.toLowerCase();
  const fits = [...prefix].every((char, at) => (UUID_TEMPLATE[at] === '-' ? char === '-' : /[0-9a-f]/.test(char)));
  if (!fits || prefix.length > UUID_TEMPLATE.length) return undefined;
  const rest = UUID_TEMPLATE.slice(prefix.length);
  return { first: prefix + rest, last: prefix + rest.replaceAll('0', 'f') };
}

function bounds(id: string, filter: TaskFilter, range: IdRange, bind: Bind): string[] {
  return [
    ...(range.after ? [`${id} > ${bind(range.after)}`] : []),
    ...(range.before ? [`${id} < ${bind(range.before)}`] : []),
    ...(filter.createdAfter ? [`${id} >= ${bind(firstIdAt(filter.createdAfter))}`] : []),
    ...(filter.createdBefore ? [`${id} < ${bind(firstIdAt(filter.createdBefore))}`] : []),
  ];
}
