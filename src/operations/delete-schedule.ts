import type { ScheduleRow } from '../db/entities/schedule.ts';
import { transactionSql } from '../db/sql.ts';
import { deleteScheduleRow } from '../db/statements/write-schedule.ts';
import { lockKnown, requireSchedule, scheduleDeclared } from './get-schedule.ts';
import type { ServiceResources } from './resources.ts';
import { setTimer, type TimerResources } from './set-timer.ts';

/**
 * Deletes a schedule with what waits of it, and answers it as it was. Its tasks stay, also those that have not ended.
 *
 * Throws a `UserInputError` with SCHEDULE_NOT_FOUND or SCHEDULE_DECLARED.
 */
export async function deleteSchedule(
  resources: TimerResources & Pick<ServiceResources, 'orm'>,
  key: string,
): Promise<ScheduleRow> {
  const schedule = await resources.orm.em.fork().transactional(async (em) => {
    const sql = transactionSql(em);
    const { declared } = await lockKnown(sql, key);
    if (declared) throw scheduleDeclared(key);
    const row = await requireSchedule(em, key);
    await deleteScheduleRow(sql, key);
    return row;
  });
  const deleted = { ...schedule, nextRunAt: null };
  await setTimer(resources, deleted);
  return deleted;
}
