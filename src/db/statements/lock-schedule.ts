import type { ScheduleDefinition } from '../../core/schedule.ts';
import { isoUtc, type Sql, statement } from '../sql.ts';

/** A schedule that nobody else changes until the transaction ends. */
export interface LockedSchedule extends ScheduleDefinition {
  enabled: boolean;
  declared: boolean;
  /** Whether its newest fire became no task. */
  failing: boolean;
  cursor: Date;
}

const LOCK = statement(`
  select key, task, payload, cron, every_seconds as "everySeconds", time_zone as "timeZone", overlap, catch_up as "catchUp",
    catch_up_limit as "catchUpLimit", enabled, declared, problem is not null as failing,
    ${isoUtc('cursor_at')} as cursor
  from schedule where key = $1 for update`);

/** Locks a schedule until the transaction of `sql` ends; undefined when there is none. */
export async function lockSchedule(sql: Sql, key: string): Promise<LockedSchedule | undefined> {
  const [row] = await sql.query<Omit<LockedSchedule, 'cursor'> & { cursor: string }>(LOCK, [key]);
  return row && { ...row, cursor: new Date(row.cursor) };
}

const FORGET_ENDED = statement(`
  delete from schedule_run r
  where r.schedule = $1 and not exists (select from open_task o where o.task_id = r.task_id)`);

const LIST_OPEN = statement('select task_id as id from schedule_run where schedule = $1 order by task_id');

/** The runs of a locked schedule that have not ended; those that have are forgotten. */
export async function listOpenRuns(sql: Sql, key: string): Promise<string[]> {
  await sql.query(FORGET_ENDED, [key]);
  return (await sql.query<{ id: string }>(LIST_OPEN, [key])).map(({ id }) => id);
}

const LIST_WAITING = statement(`
  select ${isoUtc('fire_at')} as fire from schedule_fire where schedule = $1 order by fire_at`);

/** The fires of a locked schedule that wait, oldest first. */
export async function listWaitingFires(sql: Sql, key: string): Promise<Date[]> {
  return (await sql.query<{ fire: string }>(LIST_WAITING, [key])).map(({ fire }) => new Date(fire));
}
