import type { TaskRow } from '../db/entities/task.ts';
import { transactionSql } from '../db/sql.ts';
import { readClock } from '../db/statements/find-schedules.ts';
import { insertTasks } from '../db/statements/insert-tasks.ts';
import { addRuns } from '../db/statements/record-fires.ts';
import { noteRun } from '../db/statements/write-schedule.ts';
import { dispatchNew } from './enqueue-task.ts';
import { lockKnown } from './get-schedule.ts';
import { rowOfNewTask } from './get-task.ts';
import type { EnqueueResources, ServiceResources } from './resources.ts';
import { prepareRun } from './schedule-runs.ts';

/**
 * Enqueues a run of a schedule now, whatever its overlap says and also while it is paused; its fires stay as they are, but
 * find this run open.
 *
 * Throws a `UserInputError` with SCHEDULE_NOT_FOUND, UNKNOWN_TASK or PAYLOAD_INVALID.
 */
export async function triggerSchedule(
  resources: EnqueueResources & Pick<ServiceResources, 'orm'>,
  key: string,
): Promise<TaskRow> {
  const task = await resources.orm.em.fork().transactional(async (em) => {
    const sql = transactionSql(em);
    const schedule = await lockKnown(sql, key);
    const run = prepareRun(resources, schedule, null);
    await insertTasks(sql, [run]);
    if (schedule.overlap !== 'ALLOW') await addRuns(sql, key, [run.id]);
    await noteRun(sql, key, await readClock(sql));
    return run;
  });
  dispatchNew(resources, [task]);
  return rowOfNewTask(task);
}
