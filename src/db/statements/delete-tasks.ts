import { TERMINAL_STATES } from '../../core/task-state.ts';
import { type Sql, stateList, statement } from '../sql.ts';

/** Deletes the tasks of the `with` query `ended`, with all that is known of them. */
const DELETE_ALL = `events as (
    delete from task_event where task_id in (select id from ended)
  ), attempts as (
    delete from task_attempt where task_id in (select id from ended)
  ), steps as (
    delete from task_step where task_id in (select id from ended)
  ), tags as (
    delete from task_tag g using ended e where g.task_id = e.id and g.tag = any (e.tags)
  ), outcomes as (
    delete from task_outcome
    where state in (${stateList(TERMINAL_STATES)}) and task_id in (select id from ended)
  ), tasks as (
    delete from task where id in (select id from ended) returning id
  )`;

/** The rows are locked first, so that a task which is being run again is either gone or stays whole. */
const DELETE_ENDED = statement(`
  with ended as materialized (
    select id, tags from task
    where id = any ($1::uuid[]) and state in (${stateList(TERMINAL_STATES)}) and finished_at < $2 and workflow_id is null
    order by id for update
  ), ${DELETE_ALL}
  select count(*)::int as tasks from tasks`);

/**
 * Deletes those of the tasks that ended before a time, with all that is known of them; answers how many. Steps of a workflow
 * stay: others may need their results, and they go with their workflow.
 */
export async function deleteEndedTasks(sql: Sql, ids: readonly string[], endedBefore: Date): Promise<number> {
  const [row] = await sql.query<{ tasks: number }>(DELETE_ENDED, [ids, endedBefore]);
  return row?.tasks ?? 0;
}

/**
 * The row of the workflow is locked first: one that is being run again stays whole, and no task of one that has ended
 * changes. A step may have had another task before, of which the events tell.
 */
const DELETE_WORKFLOW = statement(`
  with due as materialized (
    select id from workflow where id = $1 and state <> 'RUNNING' and finished_at < $2 for update
  ), ended as materialized (
    select id, tags from task where id in (
      select s.task_id from workflow_step s join due d on d.id = s.workflow_id
      union
      select e.task_id from workflow_event e join due d on d.id = e.workflow_id
    )
  ), workflows as (
    delete from workflow where id in (select id from due)
  ), workflow_steps as (
    delete from workflow_step where workflow_id in (select id from due)
  ), workflow_events as (
    delete from workflow_event where workflow_id in (select id from due)
  ), ${DELETE_ALL}
  select (select count(*)::int from due) as workflows, (select count(*)::int from tasks) as tasks`);

/** What was deleted. */
export interface DeletedWorkflow {
  /** 0 or 1. */
  workflows: number;
  tasks: number;
}

/** Deletes a workflow that ended before a time, with its steps, their tasks and all that is known of them. */
export async function deleteEndedWorkflow(sql: Sql, id: string, endedBefore: Date): Promise<DeletedWorkflow> {
  const [row] = await sql.query<DeletedWorkflow>(DELETE_WORKFLOW, [id, endedBefore]);
  return row ?? { workflows: 0, tasks: 0 };
}
