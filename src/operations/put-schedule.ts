import { nextFire, type ScheduleDefinition } from '../core/schedule.ts';
import type { Sql } from '../db/sql.ts';
import type { LockedSchedule } from '../db/statements/lock-schedule.ts';
import { findOpenRuns } from '../db/statements/record-fires.ts';
import { forgetWaiting, writeSchedule } from '../db/statements/write-schedule.ts';
import { ownerOf, tagOf } from './schedule-runs.ts';

/** How a schedule is to be. */
export interface PutScheduleInput {
  definition: ScheduleDefinition;
  /** The schedule that has the key, locked. */
  existing: LockedSchedule | undefined;
  enabled: boolean;
  declared: boolean;
  now: Date;
}

/**
 * Writes a schedule in the transaction of `sql`. It goes on where it was as long as it is enabled and its timing stays the
 * same; else it begins anew, and what was due before now is no fire of it.
 */
export async function putSchedule(sql: Sql, input: PutScheduleInput): Promise<void> {
  const { definition, existing, enabled, declared, now } = input;
  const goesOn = existing?.enabled === true && hasTiming(existing, definition);
  const cursor = goesOn ? existing.cursor : now;
  const nextRunAt = enabled ? nextFire(definition, cursor) : null;
  await writeSchedule(sql, { ...definition, enabled, declared, cursor, nextRunAt, now });
  if (!enabled) await forgetWaiting(sql, definition.key);
  if (definition.overlap === 'ALLOW') return;
  await findOpenRuns(sql, definition.key, tagOf(definition.key), ownerOf(definition.key));
}

function hasTiming(a: ScheduleDefinition, b: ScheduleDefinition): boolean {
  return a.cron === b.cron && a.everySeconds === b.everySeconds && a.timeZone === b.timeZone;
}
