import type { World } from './world.ts';

/** What lists are tried on. */
export const SEEDS = ['mixed', 'backlog', 'outage'] as const;
export type Seed = (typeof SEEDS)[number];

/** In words, for the output. */
export const SEED_DESCRIPTIONS: Record<Seed, string> = {
  mixed: 'a month of tasks, nearly all ended',
  backlog: 'nearly all PENDING, 40 STARTED, a few ended',
  outage: 'nearly all RETRY, 40 STARTED, a few ended',
};

/**
 * The state of task `n` of `$1`, the oldest being 1. In `mixed` the open ones are among the newest and those in REVOKED
 * among the oldest: a list of them finds nothing where it begins to look.
 */
const STATE: Record<Seed, string> = {
  mixed: `case
    when n <= 20 then 'REVOKED'
    when n > $1 * 0.98 and n % 400 = 0 then 'STARTED'
    when n > $1 * 0.98 and n % 1000 = 7 then 'PROGRESS'
    when n > $1 * 0.98 and n % 500 = 3 then 'RETRY'
    when n > $1 * 0.98 then 'PENDING'
    when n % 33 = 0 then 'FAILURE'
    else 'SUCCESS' end`,
  backlog: mostly('PENDING'),
  outage: mostly('RETRY'),
};

function mostly(state: string): string {
  return `case when n <= 100 then 'SUCCESS' when n <= 110 then 'FAILURE' when n <= 150 then 'STARTED' else '${state}' end`;
}

/** `countdown` is rare and old, `update-user-stats` rare, `fail-times` absent. */
const NAME = `case
  when n <= 5000 and n % 200 = 1 then 'countdown'
  when n % 20000 = 11 then 'update-user-stats'
  when n % 20 = 0 then 'process-large-file'
  when n % 10 < 3 then 'send-welcome-email'
  else 'noop' end`;

const QUEUE = `case
  when n % 25000 = 17 then 'bulk'
  when name = 'process-large-file' then 'file'
  when name = 'update-user-stats' then 'user'
  when name = 'send-welcome-email' then 'email'
  else 'diagnostics' end`;

/** `legacy` is frequent but old, `vip` rare, `tenant-a` and `nightly` frequent. */
const TAGS = `array_remove(array[
  case when n % 2 = 0 then 'tenant-a' end,
  case when n % 20 = 1 then 'nightly' end,
  case when n <= $1 * 0.1 then 'legacy' end,
  case when n % 50000 = 23 then 'vip' end
], null)`;

const INPUT = `case name
  when 'send-welcome-email' then jsonb_build_object('email', 'user' || n || '@example.com', 'name',
    case when n <= 20000 then 'Founding ' else '' end || 'User ' || n)
  when 'process-large-file' then jsonb_build_object('fileId', md5(n::text)::uuid)
  when 'update-user-stats' then jsonb_build_object('userId', n)
  else '{}' end`;

const ERROR = `case
  when state = 'REVOKED' then '{"code": "CANCELLED", "message": "The task was cancelled", "retryable": false}'::jsonb
  when state in ('FAILURE', 'RETRY') then jsonb_build_object(
    'code', case when n % 99 = 0 then 'SMTP_TIMEOUT' else 'UPSTREAM_REFUSED' end,
    'message', 'The server host' || n % 500 || '.example.net did not answer', 'retryable', true) end`;

/** Ids whose times are spread over the last 30 days. `uuidv7(interval)` is Postgres 18's. */
const insertTasks = (seed: Seed) => `
  insert into task (id, name, queue, state, priority, input, result, error, progress, attempt, max_attempts, tags,
    sequence, started_sequence, worker, created_at, run_at, started_at, attempt_started_at, finished_at)
  select id, name, ${QUEUE}, state, 5, ${INPUT}, case when state = 'SUCCESS' then '{}'::jsonb end, ${ERROR},
    case when state = 'PROGRESS' then jsonb_build_object('current', 1, 'total', 9, 'at', at) end,
    (state <> 'PENDING')::int, 3, ${TAGS},
    case state when 'PENDING' then 1 when 'STARTED' then 2 else 3 end,
    case when state not in ('PENDING', 'RETRY', 'REVOKED') then 2 end,
    case when state <> 'PENDING' then 'a-worker' end, at, case when state = 'RETRY' then at + interval '1 minute' end,
    case when state <> 'PENDING' then at end, case when state <> 'PENDING' then at end,
    case when state in ('SUCCESS', 'FAILURE', 'REVOKED') then at + interval '1 second' end
  from (
    select n, uuidv7(make_interval(secs => -30 * 86400 * (1 - n / $1::float8))) as id, ${STATE[seed]} as state, ${NAME} as name
    from generate_series(1, $1) n
  ) numbered, uuid_extract_timestamp(id) at`;

/** What stands beside `task`, as the statements that write it would have left it. */
const BESIDE_TASK = [
  `insert into open_task (task_id) select id from task where state not in ('SUCCESS', 'FAILURE', 'REVOKED')`,
  `insert into task_claim (task_id, worker, attempt)
   select id, 'a-worker', attempt from task where state in ('STARTED', 'PROGRESS', 'RETRY')`,
  `insert into task_tag (tag, task_id) select distinct tag, id from task, unnest(tags) tag`,
  `insert into task_outcome (state, task_id) select state, id from task where state in ('SUCCESS', 'FAILURE', 'REVOKED')`,
  `insert into task_event (task_id, sequence, type, at, state, attempt, progress)
   select id, 3, 'PROGRESS', attempt_started_at, 'PROGRESS', 1, progress from task where state = 'PROGRESS'`,
  `insert into task_event (task_id, sequence, type, at, state, attempt, error)
   select id, number, type, attempt_started_at, type, 1, case when type = 'RETRY' then error end
   from task, (values (2, 'STARTED'), (3, 'RETRY')) as v(number, type) where state = 'RETRY'`,
  `insert into task_attempt (task_id, number, started_at, finished_at, worker, error)
   select id, 1, attempt_started_at, attempt_started_at, worker, error from task where state = 'RETRY'`,
];

/** Fills the tables of a world anew. The indexes are made afterwards, which is several times faster. */
export async function seedTasks(world: World, seed: Seed, count: number): Promise<void> {
  await world.query('truncate task, task_tag, open_task, task_claim, task_outcome, task_event, task_attempt');
  const indexes = await world.query(
    `select indexdef from pg_indexes where tablename = 'task' and indexname <> 'task_pkey'`,
  );
  const names = await world.query(
    `select indexname from pg_indexes where tablename = 'task' and indexname <> 'task_pkey'`,
  );
  for (const { indexname } of names) await world.query(`drop index ${String(indexname)}`);
  await world.query(insertTasks(seed).replaceAll('$1', String(count)));
  for (const { indexdef } of indexes) await world.query(`set maintenance_work_mem = '1GB'; ${String(indexdef)}`);
  for (const statement of BESIDE_TASK) await world.query(statement);
  await world.query('vacuum analyze');
}
