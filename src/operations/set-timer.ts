import type { ScheduleRow } from '../db/entities/schedule.ts';
import type { ServiceResources } from './resources.ts';

/** What setting timers needs. */
export type TimerResources = Pick<ServiceResources, 'timers' | 'logger'>;

/** Brings the timer of a schedule in line with what was just committed. Without Redis a worker does it later. */
export async function setTimer({ timers, logger }: TimerResources, schedule: ScheduleRow): Promise<void> {
  if (!timers.available) return;
  try {
    if (schedule.nextRunAt) await timers.set(schedule);
    else await timers.remove(schedule.key);
  } catch (error) {
    logger.debug({ schedule: schedule.key, error }, 'the timer of a schedule is left to the workers');
  }
}
