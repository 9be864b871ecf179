import type { ScheduleRow } from '../db/entities/schedule.ts';
import { transactionSql } from '../db/sql.ts';
import { readClock } from '../db/statements/find-schedules.ts';
import { lockKnown, requireSchedule } from './get-schedule.ts';
import { putSchedule } from './put-schedule.ts';
import type { ServiceResources } from './resources.ts';
import { setTimer, type TimerResources } from './set-timer.ts';

type PauseResources = TimerResources & Pick<ServiceResources, 'orm'>;

/**
 * Stops a schedule from firing until it is resumed, also over deployments; what waits of it is dropped, what runs goes on.
 * Does nothing when it is paused already.
 *
 * Throws a `UserInputError` with SCHEDULE_NOT_FOUND.
 */
export function pauseSchedule(resources: PauseResources, key: string, now?: Date): Promise<ScheduleRow> {
  return setEnabled(resources, key, false, now);
}

/**
 * Lets a schedule fire again, from `now` on (by default the time in Postgres). What fell into the pause is not made up for,
 * whatever `catchUp` says: that is for downtimes, a pause is a wish. Does nothing when it is not paused.
 *
 * Throws a `UserInputError` with SCHEDULE_NOT_FOUND.
 */
export function resumeSchedule(resources: PauseResources, key: string, now?: Date): Promise<ScheduleRow> {
  return setEnabled(resources, key, true, now);
}

async function setEnabled(
  resources: PauseResources,
  key: string,
  enabled: boolean,
  now: Date | undefined,
): Promise<ScheduleRow> {
  const schedule = await resources.orm.em.fork().transactional(async (em) => {
    const sql = transactionSql(em);
    const existing = await lockKnown(sql, key);
    if (existing.enabled !== enabled) {
      const { declared } = existing;
      const at = now ?? (await readClock(sql));
      await putSchedule(sql, { definition: existing, existing, enabled, declared, now: at });
    }
    return requireSchedule(em, key);
  });
  await setTimer(resources, schedule);
  return schedule;
}
