import { isoUtc, type Sql, statement } from '../sql.ts';

const READ_CLOCK = statement(`select ${isoUtc('clock_timestamp()')} as now`);

/** The time in Postgres, the one clock that all schedulers share. */
export async function readClock(sql: Sql): Promise<Date> {
  const [row] = await sql.query<{ now: string }>(READ_CLOCK, []);
  if (!row) throw new Error('expected a row with the time, got none');
  return new Date(row.now);
}

const FIND_DUE = statement(`
  select s.key from schedule s
  where (s.next_run_at <= $1 or s.enabled and s.cursor_at > $4) and s.task = any ($2::text[])
  union
  select f.schedule from schedule_fire f join schedule s on s.key = f.schedule
  where s.task = any ($2::text[]) and (s.overlap = 'CANCEL_PREVIOUS' or not exists (
    select from schedule_run r join open_task o on o.task_id = r.task_id where r.schedule = f.schedule))
  limit $3`);

/** What {@link findDueSchedules} looks for. */
export interface DueQuery {
  now: Date;
  /** No cursor can be later than this, unless the clock has been set back. */
  ahead: Date;
  /** Names of the tasks whose schedules count. */
  tasks: readonly string[];
  limit: number;
}

/**
 * Keys of schedules for which there is something to do, at most `limit`: a fire is due, or one waits whose turn it is or for
 * which earlier runs are to be cancelled, or the clock has been set back behind the cursor.
 */
export async function findDueSchedules(sql: Sql, { now, ahead, tasks, limit }: DueQuery): Promise<string[]> {
  return (await sql.query<{ key: string }>(FIND_DUE, [now, tasks, limit, ahead])).map(({ key }) => key);
}

/** When a schedule is to wake somebody. */
export interface ScheduleTiming {
  key: string;
  cron: string | null;
  everySeconds: number | null;
  timeZone: string;
}

const LIST_TIMINGS = statement(`
  select key, cron, every_seconds as "everySeconds", time_zone as "timeZone" from schedule where next_run_at is not null`);

/** The timings of all schedules that are not paused. */
export function listTimings(sql: Sql): Promise<ScheduleTiming[]> {
  return sql.query(LIST_TIMINGS, []);
}
