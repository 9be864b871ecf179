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
 * (value, id) could not deliver the ids in order. Terminal states come from `task_outcome`, the others from `open_task` and
 * `task_claim`, tags from `task_tag`.
 *
 * A text is first looked for in the next few thousand tasks that the other filters let through: what is frequent is found
 * there. What is not is rare, so that all tasks which contain it can be had from the trigram indexes and sorted.
 */
export async function listTaskIds(sql: Sql, filter: TaskFilter, range: IdRange): Promise<string[]> {
  const { search } = filter;
  if (!search) return run(sql, range, (bind) => orderedScans(filter, range, range.limit, bind));
  const near = await run(sql, range, (bind) => {
    const window = orderedScans(filter, range, SEARCH_WINDOW, bind);
    return window && `select w.id from (${window}) w join task t on t.id = w.id where ${searchCondition(search, bind)}`;
  });
  return near.length >= range.limit ? near : run(sql, range, (bind) => allMatches(filter, search, range, bind));
}

/** Tasks among which a text is looked for before the trigram indexes are asked: some 10 ms. */
const SEARCH_WINDOW = 3000;

type Bind = (value: unknown) => string;

/** Runs what `source` selects, in the order and the limit of the page; nothing when there is nothing to select from. */
async function run(sql: Sql, range: IdRange, source: (bind: Bind) => string | undefined): Promise<string[]> {
  const values: unknown[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const selected = source(bind);
  if (!selected) return [];
  const text = `select id from (${selected}) ids order by id ${range.order} limit ${bind(range.limit)}`;
  const rows = await sql.query<{ id: string }>({ text }, values);
  return rows.map(({ id }) => id);
}

/** The filter without its text: one ordered scan for each branch; undefined when there is none. */
function orderedScans(filter: TaskFilter, range: IdRange, limit: number, bind: Bind): string | undefined {
  const scans = branchesOf(filter, bind).map(({ source, id, sameId, extra }) => {
    const bounded = [id, ...sameId].flatMap((column) => bounds(column, filter, range, bind));
    const all = [...extra, ...bounded];
    const narrowed = all.length > 0 ? `where ${all.join(' and ')}` : '';
    return `(select ${id} as id from ${source} ${narrowed} order by ${id} ${range.order} limit ${bind(limit)})`;
  });
  if (scans.length === 0) return undefined;
  return `select distinct id from (${scans.join(' union all ')}) scans order by id ${range.order} limit ${bind(limit)}`;
}

/** All tasks that contain a text, of those that the other filters let through. */
function allMatches(filter: TaskFilter, search: string, range: IdRange, bind: Bind): string {
  const { states, names, queues } = filter;
  const where = [
    ...(states ? [`t.state = any (${bind(states)}::text[])`] : []),
    ...(names ? [`t.name = any (${bind(names)}::text[])`] : []),
    ...(queues ? [`t.queue = any (${bind(queues)}::text[])`] : []),
    ...tagConditions(filter.tags, 't.id', bind),
    ...bounds('t.id', filter, range, bind),
  ];
  return `
    with found as materialized (
      select t.id, t.state, t.name, t.queue from task t where ${searchCondition(search, bind)}
    )
    select t.id from found t ${where.length > 0 ? `where ${where.join(' and ')}` : ''}`;
}

interface Branch {
  source: string;
  /** The column that the page is cut from; its index has the order. */
  id: string;
  /** Columns that it is joined with: Postgres does not conclude by itself that they lie within the same bounds. */
  sameId: string[];
  extra: string[];
}

/** Where the ids come from in their order: the states, else the names, the queues, the tags, or all tasks. */
function branchesOf(filter: TaskFilter, bind: Bind): Branch[] {
  const { states, names, queues, tags } = filter;
  const inQueues = () => (queues ? [`t.queue = any (${bind(queues)}::text[])`] : []);
  const inNames = () => (names ? [`t.name = any (${bind(names)}::text[])`] : []);
  if (states) {
    return states.map((state) => withTags(branchOfState(state, [...inNames(), ...inQueues()], bind), tags, bind));
  }
  if (names) return names.map((name) => withTags(branchOfTask(`t.name = ${bind(name)}`, ...inQueues()), tags, bind));
  if (queues) return queues.map((queue) => withTags(branchOfTask(`t.queue = ${bind(queue)}`), tags, bind));
  const [first, ...others] = tags ?? [];
  if (first === undefined) return [branchOfTask()];
  const tagged = { source: 'task_tag s', id: 's.task_id', sameId: [], extra: [`s.tag = ${bind(first)}`] };
  return [withTags(tagged, others, bind)];
}

function withTags(branch: Branch, tags: readonly string[] | undefined, bind: Bind): Branch {
  return { ...branch, extra: [...branch.extra, ...tagConditions(tags, branch.id, bind)] };
}

function tagConditions(tags: readonly string[] | undefined, id: string, bind: Bind): string[] {
  return (tags ?? []).map((tag) => `exists (select from task_tag g where g.tag = ${bind(tag)} and g.task_id = ${id})`);
}

function branchOfTask(...extra: string[]): Branch {
  return { source: 'task t', id: 't.id', sameId: [], extra };
}

/** PENDING is what is open and was never claimed; only what tells the other open states apart stands in `task` alone. */
function branchOfState(state: TaskState, ofTask: string[], bind: Bind): Branch {
  if (isTerminal(state)) return branchOfNarrow('task_outcome', [`s.state = ${bind(state)}`], ofTask);
  if (state === 'PENDING') return branchOfNarrow('open_task', [UNCLAIMED], ofTask);
  return branchOfNarrow('task_claim', [], [`t.state = ${bind(state)}`, ...ofTask]);
}

const UNCLAIMED = 'not exists (select from task_claim c where c.task_id = s.task_id)';

/** A narrow table, joined with `task` when there are conditions on that. */
function branchOfNarrow(table: string, own: string[], ofTask: string[]): Branch {
  const narrow = { source: `${table} s`, id: 's.task_id', sameId: [], extra: [...own, ...ofTask] };
  return ofTask.length === 0
    ? narrow
    : { ...narrow, source: `${table} s join task t on t.id = s.task_id`, sameId: ['t.id'] };
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
