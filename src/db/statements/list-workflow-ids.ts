import { firstIdAt } from '../../core/ids.ts';
import { WORKFLOW_STATES, type WorkflowState } from '../../core/workflow-state.ts';
import type { Sql } from '../sql.ts';
import type { IdRange } from './list-task-ids.ts';

/** What a list of workflows is narrowed to; what is left out does not narrow, and none is in one of no states. */
export interface WorkflowFilter {
  states?: readonly WorkflowState[] | undefined;
  names?: readonly string[] | undefined;
  /** Inclusive. */
  createdAfter?: Date | undefined;
  /** Exclusive. */
  createdBefore?: Date | undefined;
}

type Bind = (value: unknown) => string;

/**
 * Lists ids of workflows, as `listTaskIds` does those of tasks: one ordered index scan for each value of the filter, merged.
 * The indexes are (state, id) and (name, state, id), so that with names each state is a scan of its own.
 */
export async function listWorkflowIds(sql: Sql, filter: WorkflowFilter, range: IdRange): Promise<string[]> {
  const values: unknown[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const limit = bind(range.limit);
  const bounds = boundsOf(filter, range, bind);
  const scans = branchesOf(filter, bind).map((conditions) => {
    const all = [...conditions, ...bounds];
    return `(select id from workflow ${all.length > 0 ? `where ${all.join(' and ')}` : ''} order by id ${range.order} limit ${limit})`;
  });
  if (scans.length === 0) return [];
  const text = `select id from (${scans.join(' union all ')}) ids order by id ${range.order} limit ${limit}`;
  return (await sql.query<{ id: string }>({ text }, values)).map(({ id }) => id);
}

/** No workflow is in two of them. */
function branchesOf({ states, names }: WorkflowFilter, bind: Bind): string[][] {
  if (!states && !names) return [[]];
  const stateConditions = [...new Set(states ?? WORKFLOW_STATES)].map((state) => `state = ${bind(state)}`);
  if (!names) return stateConditions.map((condition) => [condition]);
  return [...new Set(names)].flatMap((name) => {
    const ofName = `name = ${bind(name)}`;
    return stateConditions.map((condition) => [ofName, condition]);
  });
}

function boundsOf({ createdAfter, createdBefore }: WorkflowFilter, { after, before }: IdRange, bind: Bind): string[] {
  return [
    ...(after ? [`id > ${bind(after)}`] : []),
    ...(before ? [`id < ${bind(before)}`] : []),
    ...(createdAfter ? [`id >= ${bind(firstIdAt(createdAfter))}`] : []),
    ...(createdBefore ? [`id < ${bind(firstIdAt(createdBefore))}`] : []),
  ];
}
