import { Migration } from '@mikro-orm/migrations';

/**
 * - `workflow`: a graph of steps and how far it is. Whoever ends a task of it holds this row's lock, and takes it before
 *   that of the task.
 * - `workflow_step`: a step by its position, with its edges both ways and how many of its dependencies have ended in which way.
 * - `workflow_event`: the history of a workflow.
 * - `task.workflow_id`, `task.workflow_step`: the step that a task is.
 */
export class Workflows extends Migration {
  override name = '0004-workflows';

  override up(): void {
    this.addSql(`
      create table workflow (
        id uuid primary key,
        name text not null,
        state text not null default 'RUNNING',
        owner text not null default '',
        idempotency_key text,
        fingerprint text not null,
        sequence int not null default 1,
        open_steps int not null,
        weight float8 not null,
        done_weight float8 not null default 0,
        percent float8 not null default 0,
        error jsonb,
        created_at timestamptz(3) not null,
        finished_at timestamptz(3),
        cancel_requested_at timestamptz(3),
        cancel_reason text
      ) with (fillfactor = 50)`);
    this.addSql('create index workflow_name on workflow (name, state, id)');
    this.addSql('create index workflow_state on workflow (state, id)');
    this.addSql(
      'create unique index workflow_idempotency_key on workflow (owner, idempotency_key) where idempotency_key is not null',
    );
    this.addSql(`
      create table workflow_step (
        workflow_id uuid,
        position int,
        key text not null,
        state text not null default 'BLOCKED',
        task text not null,
        payload jsonb not null,
        input_from jsonb not null,
        options jsonb not null,
        on_failure text not null,
        join_policy text not null,
        join_count int not null,
        weight float8 not null,
        dependencies int[] not null,
        dependants int[] not null,
        succeeded int not null default 0,
        forgiven int not null default 0,
        missing int not null default 0,
        task_id uuid,
        error jsonb,
        primary key (workflow_id, position)
      ) with (fillfactor = 50)`);
    this.addSql(`
      create table workflow_event (
        workflow_id uuid,
        sequence int,
        type text not null,
        at timestamptz(3) not null,
        state text not null,
        percent float8 not null,
        step_key text,
        step_state text,
        task_id uuid,
        task_sequence int,
        primary key (workflow_id, sequence)
      )`);
    this.addSql('alter table task add column workflow_id uuid, add column workflow_step int');
  }
}
