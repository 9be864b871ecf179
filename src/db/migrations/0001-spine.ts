import { Migration } from '@mikro-orm/migrations';

/**
 * Narrow tables stand beside `task`, so that no index on `task` itself changes with the state:
 *
 * - `open_task`: what is not terminal. Written when a task is enqueued, deleted when it ends. `xid` is the transaction that
 *   enqueued it, by which the reconciler finds what is new without a scan of the backlog.
 * - `task_claim`: the open tasks that have had an attempt, with its worker. A worker that was lost is found by it.
 * - `task_outcome`: what is terminal, by state, for lists and retention.
 * - `task_tag`: the tags of every task, for lists. Written when it is enqueued.
 */
export class Spine extends Migration {
  override name = '0001-spine';

  override up(): void {
    this.addSql('create extension if not exists pg_trgm');
    this.addSql(`
      create table task (
        id uuid primary key,
        name text not null,
        queue text not null,
        state text not null default 'PENDING',
        priority smallint not null,
        input jsonb not null,
        result jsonb,
        error jsonb,
        progress jsonb,
        run int not null default 1,
        attempt int not null default 0,
        failures int not null default 0,
        losses int not null default 0,
        max_attempts int not null,
        tags text[] not null default '{}',
        owner text not null default '',
        idempotency_key text,
        sequence int not null default 1,
        started_sequence int,
        worker text,
        created_at timestamptz(3) not null,
        run_at timestamptz(3),
        started_at timestamptz(3),
        attempt_started_at timestamptz(3),
        finished_at timestamptz(3),
        cancel_requested_at timestamptz(3),
        cancel_reason text
      ) with (fillfactor = 45)`);
    this.addSql('create index task_name on task (name, id)');
    this.addSql('create index task_queue on task (queue, id)');
    this.addSql(
      'create unique index task_idempotency_key on task (owner, idempotency_key) where idempotency_key is not null',
    );
    this.addSql(`create index task_search on task using gin (left(name || ' ' || input::text, 4000) gin_trgm_ops)`);
    this.addSql(`
      create index task_error_search on task
        using gin (((error ->> 'code') || ' ' || (error ->> 'message')) gin_trgm_ops) where error is not null`);
    this.addSql(`
      create table open_task (
        task_id uuid primary key,
        xid xid8 not null default pg_current_xact_id()
      )`);
    this.addSql('create index open_task_xid on open_task (xid, task_id)');
    this.addSql(`
      create table task_claim (
        task_id uuid primary key,
        worker text not null,
        attempt int not null
      ) with (fillfactor = 60)`);
    this.addSql('create table task_tag (tag text, task_id uuid, primary key (tag, task_id))');
    this.addSql('create table task_outcome (state text, task_id uuid, primary key (state, task_id))');
    this.addSql(`
      create table task_event (
        task_id uuid,
        sequence int,
        type text not null,
        at timestamptz(3) not null,
        state text not null,
        attempt int not null,
        progress jsonb,
        message text,
        result jsonb,
        error jsonb,
        primary key (task_id, sequence)
      )`);
    this.addSql(`
      create table task_attempt (
        task_id uuid,
        number int,
        started_at timestamptz(3) not null,
        finished_at timestamptz(3) not null,
        worker text,
        error jsonb,
        primary key (task_id, number)
      )`);
    this.addSql(`
      create table worker (
        id text primary key,
        queues text[] not null,
        started_at timestamptz(3) not null default now(),
        heartbeat_at timestamptz(3) not null default now()
      )`);
    this.addSql(`
      create table app_user (
        id serial primary key,
        email text not null unique,
        name text not null,
        login_count int not null default 0,
        last_activity_at timestamptz(3),
        created_at timestamptz(3) not null default now()
      )`);
    this.addSql(`
      create table stored_file (
        id uuid primary key,
        name text not null,
        size bigint not null,
        content_type text not null,
        created_at timestamptz(3) not null default now()
      )`);
  }
}
