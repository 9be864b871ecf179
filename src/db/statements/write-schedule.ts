import type { ScheduleDefinition } from '../../core/schedule.ts';
import { type Sql, statement } from '../sql.ts';

/** A schedule as it is to be. */
export interface WrittenSchedule extends ScheduleDefinition {
  enabled: boolean;
  declared: boolean;
  cursor: Date;
  nextRunAt: Date | null;
  now: Date;
}

const WRITE = statement(`
  insert into schedule (key, task, payload, cron, every_seconds, time_zone, overlap, catch_up, catch_up_limit, enabled,
    declared, cursor_at, next_run_at, created_at, updated_at)
  values ($1, $2, $3::jsonb, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
  on conflict (key) do update
  set task = excluded.task, payload = excluded.payload, cron = excluded.cron, every_seconds = excluded.every_seconds,
    time_zone = excluded.time_zone, overlap = excluded.overlap, catch_up = excluded.catch_up,
    catch_up_limit = excluded.catch_up_limit, enabled = excluded.enabled, declared = excluded.declared, problem = null,
    cursor_at = excluded.cursor_at, next_run_at = excluded.next_run_at, updated_at = excluded.updated_at`);

/** Makes a schedule or writes over the one with its key. */
export async function writeSchedule(sql: Sql, written: WrittenSchedule): Promise<void> {
  const { key, task, payload, cron, everySeconds, timeZone, overlap, catchUp, catchUpLimit } = written;
  const { enabled, declared, cursor, nextRunAt, now } = written;
  const definition = [key, task, JSON.stringify(payload), cron, everySeconds, timeZone, overlap, catchUp, catchUpLimit];
  await sql.query(WRITE, [...definition, enabled, declared, cursor, nextRunAt, now]);
}

const FORGET_WAITING = statement('delete from schedule_fire where schedule = $1');

/** Drops what waits of a locked schedule. */
export async function forgetWaiting(sql: Sql, key: string): Promise<void> {
  await sql.query(FORGET_WAITING, [key]);
}

const DELETE = statement('delete from schedule where key = $1');

/** Deletes a locked schedule with what waits of it; its tasks stay. */
export async function deleteScheduleRow(sql: Sql, key: string): Promise<void> {
  await sql.query(DELETE, [key]);
}

const LIST_DECLARED = statement('select key from schedule where declared order by key');

/** Keys of the schedules that were declared when a worker last looked. */
export async function listDeclaredKeys(sql: Sql): Promise<string[]> {
  return (await sql.query<{ key: string }>(LIST_DECLARED, [])).map(({ key }) => key);
}

/** Any number that no other program locks: two deployments write their declarations one after the other. */
const DECLARING_LOCK = 7_450_194;
const LOCK_DECLARING = statement(`select pg_advisory_xact_lock(${DECLARING_LOCK})`);

/** Keeps others from declaring schedules until the transaction ends. */
export async function lockDeclaring(sql: Sql): Promise<void> {
  await sql.query(LOCK_DECLARING, []);
}

const NOTE_RUN = statement('update schedule set last_run_at = $2 where key = $1');

/** Notes when a schedule last enqueued a task. */
export async function noteRun(sql: Sql, key: string, at: Date): Promise<void> {
  await sql.query(NOTE_RUN, [key, at]);
}
