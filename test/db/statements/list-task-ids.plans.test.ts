import { describe, expect } from 'vitest';
import { type IdRange, listTaskIds, type TaskFilter } from '../../../src/db/statements/list-task-ids.ts';
import { type Database, test as base } from '../database.ts';
import { type PlanNode, planOf, rowsRead } from '../plan-of.ts';

const TASKS = 50_000;
/** A page of 20 and one more, as an operation asks for it. */
const PAGE: IdRange = { limit: 21, order: 'desc' };

/**
 * Tasks as a service has them that has run for a day: most have succeeded, few wait or run. One in a thousand is named,
 * tagged and worded as no other.
 */
const SEED = `
  with made as (
    select n, uuidv7(n * interval '1 s' - interval '1 day') as id,
      case when n % 25 = 0 then 'FAILURE' when n % 50 = 1 then 'REVOKED' when n > ${TASKS} - 1000 then 'PENDING'
        when n % 500 = 2 then 'STARTED' when n % 1000 = 3 then 'RETRY' else 'SUCCESS' end as state
    from generate_series(1, ${TASKS}) as n
  ), tasks as (
    insert into task (id, name, queue, state, priority, input, error, tags, max_attempts, created_at, finished_at)
    select id, case when n % 1000 = 0 then 'rare-task' when n % 3 = 0 then 'send-mail' else 'noop' end,
      case when n % 1000 = 1 then 'rare-queue' when n % 2 = 0 then 'slow' else 'default' end, state, 5,
      jsonb_build_object('number', n, 'word', case when n % 1000 = 2 then 'needle' else md5(n::text) end),
      case when state = 'FAILURE' then jsonb_build_object('code', 'BROKEN', 'message', md5(n::text), 'retryable', true) end,
      case when n % 1000 = 3 then '{rare}' when n % 4 = 0 then '{common}' else '{}'::text[] end, 3, now(), now()
    from made
  ), opened as (
    insert into open_task (task_id) select id from made where state in ('PENDING', 'STARTED', 'RETRY')
  ), claims as (
    insert into task_claim (task_id, worker, attempt) select id, 'w', 1 from made where state in ('STARTED', 'RETRY')
  )
  insert into task_outcome (task_id, state) select id, state from made where state in ('SUCCESS', 'FAILURE', 'REVOKED')`;

const test = base.extend('seeded', { scope: 'file' }, async ({ database }): Promise<Database> => {
  await database.run(SEED);
  await database.run('vacuum analyze');
  return database;
});

function planOfList(database: Database, filter: TaskFilter, range: IdRange): Promise<PlanNode[]> {
  return planOf(database, (sql) => listTaskIds(sql, filter, range));
}

const DAY_MS = 24 * 3600 * 1000;
const hoursAgo = (hours: number) => new Date(Date.now() - DAY_MS + TASKS * 1000 - hours * 3_600_000);

const FILTERS: { what: string; filter: TaskFilter; most: number }[] = [
  { what: 'nothing', filter: {}, most: 50 },
  { what: 'a common state', filter: { states: ['SUCCESS'] }, most: 100 },
  { what: 'a rare state', filter: { states: ['RETRY'] }, most: 500 },
  { what: 'waiting tasks', filter: { states: ['PENDING'] }, most: 500 },
  { what: 'several states', filter: { states: ['FAILURE', 'REVOKED', 'STARTED', 'PROGRESS'] }, most: 1000 },
  { what: 'a common name', filter: { names: ['noop'] }, most: 50 },
  { what: 'a rare name', filter: { names: ['rare-task'] }, most: 50 },
  { what: 'names', filter: { names: ['rare-task', 'noop'] }, most: 100 },
  { what: 'a name that no task has', filter: { names: ['unknown'] }, most: 0 },
  { what: 'a rare queue', filter: { queues: ['rare-queue'] }, most: 50 },
  { what: 'a queue and names', filter: { queues: ['slow'], names: ['noop', 'send-mail'] }, most: 300 },
  { what: 'a common tag', filter: { tags: ['common'] }, most: 200 },
  { what: 'a rare tag', filter: { tags: ['rare'] }, most: 200 },
  // A text is first looked for in 3,000 tasks.
  { what: 'a rare word of an input', filter: { search: 'needle' }, most: 3500 },
  { what: 'a word that no task has', filter: { search: 'haystack' }, most: 200 },
  { what: 'a word of an error', filter: { search: 'broken' }, most: 10_000 },
  { what: 'an hour', filter: { createdAfter: hoursAgo(5), createdBefore: hoursAgo(4) }, most: 50 },
  {
    what: 'a state and an hour',
    filter: { states: ['FAILURE'], createdAfter: hoursAgo(5), createdBefore: hoursAgo(4) },
    most: 200,
  },
  { what: 'a state and a name', filter: { states: ['SUCCESS'], names: ['send-mail'] }, most: 2000 },
  { what: 'a state and a rare tag', filter: { states: ['SUCCESS'], tags: ['rare'] }, most: 500 },
  { what: 'a state and a rare word', filter: { states: ['SUCCESS'], search: 'needle' }, most: 3500 },
];

describe('among 50,000 tasks a page is found without looking at all of them', () => {
  test.for(FILTERS)('by $what', async ({ filter, most }, { seeded }) => {
    for (const order of ['desc', 'asc'] as const) {
      const nodes = await planOfList(seeded, filter, { ...PAGE, order });

      const scans = nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'task');
      expect(scans).toEqual([]);
      expect(rowsRead(nodes)).toBeLessThanOrEqual(most);
    }
  });
});

test('a page in the middle is found as the first one is', async ({ seeded }) => {
  const [middle] = await seeded.run<{ id: string }>(`select id from task order by id offset ${TASKS / 2} limit 1`);
  const filters: TaskFilter[] = [
    {},
    { states: ['SUCCESS'] },
    { names: ['noop'] },
    { states: ['SUCCESS'], queues: ['default'] },
  ];

  for (const filter of filters) {
    const nodes = await planOfList(seeded, filter, { ...PAGE, before: middle?.id });

    expect(rowsRead(nodes)).toBeLessThanOrEqual(300);
  }
});
