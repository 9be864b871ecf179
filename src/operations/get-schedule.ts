import { userError } from '../core/errors.ts';
import { isScheduleKey, nextFires, type Timing } from '../core/schedule.ts';
import { Schedule, type ScheduleRow } from '../db/entities/schedule.ts';
import type { EntityManager } from '../db/orm.ts';
import type { Sql } from '../db/sql.ts';
import { type LockedSchedule, lockSchedule } from '../db/statements/lock-schedule.ts';
import type { ServiceResources } from './resources.ts';

const NEXT_RUNS_MAX = 100;
const NEXT_RUNS_DEFAULT = 5;

/** Finds a schedule; null when there is none. */
export async function getSchedule({ orm }: Pick<ServiceResources, 'orm'>, key: string): Promise<ScheduleRow | null> {
  return isScheduleKey(key) ? orm.em.fork().findOne(Schedule, { key }) : null;
}

/** All schedules, by key. */
export async function listSchedules({ orm }: Pick<ServiceResources, 'orm'>): Promise<ScheduleRow[]> {
  return orm.em.fork().find(Schedule, {}, { orderBy: { key: 'asc' } });
}

/** Locks a schedule until the transaction of `sql` ends. Throws a `UserInputError` with SCHEDULE_NOT_FOUND. */
export async function lockKnown(sql: Sql, key: string): Promise<LockedSchedule> {
  const schedule = isScheduleKey(key) ? await lockSchedule(sql, key) : undefined;
  if (!schedule) throw scheduleNotFound(key);
  return schedule;
}

/** As {@link getSchedule}, in the transaction of `em`. Throws a `UserInputError` with SCHEDULE_NOT_FOUND. */
export async function requireSchedule(em: EntityManager, key: string): Promise<ScheduleRow> {
  const schedule = await em.findOne(Schedule, { key });
  if (!schedule) throw scheduleNotFound(key);
  return schedule;
}

function scheduleNotFound(key: string) {
  return userError('SCHEDULE_NOT_FOUND', `there is no schedule with the key ${JSON.stringify(key)}`, ['key']);
}

/** The user error for changing over the API what stands in the code. */
export function scheduleDeclared(key: string) {
  const message = `schedule ${key} is declared in the code: it can be paused, resumed and triggered, and changes with a deployment`;
  return userError('SCHEDULE_DECLARED', message, ['key']);
}

/**
 * The next fires of a schedule, five when not said; none while it is paused.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for another number than 0 to 100.
 */
export function nextRuns(schedule: Timing & { enabled: boolean; cursorAt: Date }, first?: number | null): Date[] {
  const count = first ?? NEXT_RUNS_DEFAULT;
  if (count < 0 || count > NEXT_RUNS_MAX) {
    throw userError('BAD_USER_INPUT', `expected first to be from 0 to ${NEXT_RUNS_MAX}, got: ${count}`, ['first']);
  }
  return schedule.enabled ? nextFires(schedule, schedule.cursorAt, count) : [];
}
