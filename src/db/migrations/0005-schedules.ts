import { Migration } from '@mikro-orm/migrations';

/**
 * - `schedule`: what is to be enqueued and when. `cursor_at` is the newest fire that was decided: with it and the row's lock,
 *   each fire is decided once.
 * - `schedule_fire`: fires that wait until the runs before them have ended.
 * - `schedule_run`: the tasks of schedules that were open when somebody last looked; not kept for `overlap: ALLOW`.
 */
export class Schedules extends Migration {
  override name = '0005-schedules';

  override up(): void {
    this.addSql(`
      create table schedule (
        key text primary key,
        task text not null,
        payload jsonb not null,
        cron text,
        every_seconds float8,
        time_zone text not null,
        overlap text not null,
        catch_up text not null,
        catch_up_limit int not null,
        enabled boolean not null,
        declared boolean not null,
        problem jsonb,
        cursor_at timestamptz(3) not null,
        next_run_at timestamptz(3),
        last_run_at timestamptz(3),
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        check ((cron is null) <> (every_seconds is null))
      )`);
    this.addSql('create index schedule_next_run on schedule (next_run_at) where next_run_at is not null');
    this.addSql(`
      create table schedule_fire (
        schedule text references schedule (key) on delete cascade,
        fire_at timestamptz(3),
        primary key (schedule, fire_at)
      )`);
    this.addSql(`
      create table schedule_run (
        schedule text references schedule (key) on delete cascade,
        task_id uuid,
        primary key (schedule, task_id)
      )`);
  }
}
