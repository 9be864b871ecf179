import { Migration } from '@mikro-orm/migrations';

/**
 * - `task_step`: what a task has done and must not do again.
 * - `open_task.expires_at`: so that what expires is found without a worker looking at it.
 * - `parked_task`: open tasks that no live worker knows; they are dispatched when one registers that does.
 */
export class AttemptsAndSteps extends Migration {
  override name = '0002-attempts-and-steps';

  override up(): void {
    this.addSql(`
      create table task_step (
        task_id uuid,
        key text,
        attempt int not null,
        at timestamptz(3) not null default now(),
        value jsonb,
        primary key (task_id, key)
      )`);
    this.addSql(
      'alter table task add column expires_at timestamptz(3), add column cancel_force boolean not null default false',
    );
    this.addSql('alter table open_task add column expires_at timestamptz(3)');
    this.addSql('create index open_task_expiry on open_task (expires_at) where expires_at is not null');
    this.addSql(`
      create table parked_task (
        task_id uuid primary key,
        name text not null,
        parked_at timestamptz(3) not null default now()
      )`);
    this.addSql('create index parked_task_name on parked_task (name)');
    this.addSql(`alter table worker add column names text[] not null default '{}'`);
  }
}
