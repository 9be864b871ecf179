import { TERMINAL_STATES } from '../../core/task-state.ts';
import { type Sql, stateList, statement } from '../sql.ts';

/** The rows are locked first, so that a task which is being run again is either gone or stays whole. */
const DELETE_ENDED = statement(`
  with ended as materialized (
    select id, tags from task
    where id = any ($1::uuid[]) and state in (${stateList(TERMINAL_STATES)}) and finished_at < $2
    order by id for update
  ), events as (
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
  )
  delete from task where id in (select id from ended) returning id`);

/** Deletes those of the tasks that ended before a time, with all that is known of them; answers how many. */
export async function deleteEndedTasks(sql: Sql, ids: readonly string[], endedBefore: Date): Promise<number> {
  return (await sql.query(DELETE_ENDED, [ids, endedBefore])).length;
}
