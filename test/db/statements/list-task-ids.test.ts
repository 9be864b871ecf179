import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { firstIdAt, newId } from '../../../src/core/ids.ts';
import { TASK_STATES } from '../../../src/core/task-state.ts';
import { appendEvents } from '../../../src/db/statements/append-events.ts';
import { claimTasks } from '../../../src/db/statements/claim-tasks.ts';
import { reopenTasks, revokeWaiting } from '../../../src/db/statements/end-task.ts';
import { insertTasks } from '../../../src/db/statements/insert-tasks.ts';
import { listTaskIds, type TaskFilter } from '../../../src/db/statements/list-task-ids.ts';
import { settleAttempts } from '../../../src/db/statements/settle-attempts.ts';
import { type Database, newTask, settlement, test as base, upTo } from '../database.ts';

const TASKS = 240;
const NAMES = ['noop', 'countdown', 'send-mail'];
const QUEUES = ['default', 'slow', 'mail'];
const TAGS = ['red', 'green', 'blue'];
const WORDS = ['100%', 'under_score', 'back\\slash', 'Alpha', 'beta', 'noop'];
/** Words that only errors have. */
const ERROR_WORDS = ['TOO_BAD', 'the disk is full', '50% done'];
const SECOND_MS = 1000;
const FIRST_MS = Date.UTC(2026, 0, 1);

/** A task as the list must see it. */
interface Listed {
  id: string;
  name: string;
  queue: string;
  state: string;
  tags: string[];
  ms: number;
  /** Name and input. */
  text: string;
  error: string | null;
}

/** The tests' `test` with tasks in every state, some of the same second, and what they are. */
const test = base.extend('tasks', { scope: 'file' }, async ({ database }): Promise<Listed[]> => {
  const ids = await seed(database);
  const rows = await database.run<Omit<Listed, 'ms'> & { createdAt: Date }>(
    `select id, name, queue, state, tags, created_at as "createdAt", name || ' ' || input::text as text,
       (error ->> 'code') || ' ' || (error ->> 'message') as error
     from task where id = any ($1)`,
    [ids],
  );
  return rows.map(({ createdAt, ...row }) => ({ ...row, ms: createdAt.getTime() })).toSorted(newestFirst);
});

function newestFirst(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? 1 : -1;
}

/** Takes an eighth of the tasks each to another end of their life, by the statements themselves. */
async function seed({ sql }: Database): Promise<string[]> {
  const tasks = upTo(TASKS).map((number) => {
    const createdAt = new Date(FIRST_MS + Math.floor(number / 3) * SECOND_MS);
    return newTask({
      id: firstIdAt(createdAt).slice(0, 14) + newId().slice(14),
      createdAt,
      name: pick(NAMES, number),
      queue: pick(QUEUES, number * 7),
      tags: TAGS.filter((_, index) => (number >> index) % 2),
      input: { word: pick(WORDS, number * 5), number },
    });
  });
  const ids = tasks.map(({ id }) => id);
  const part = (...eighths: number[]) => ids.filter((_, index) => eighths.includes(index % 8));
  await insertTasks(sql, tasks);
  await claimTasks(sql, part(1, 2, 3, 4, 5, 6), 'worker-1', NAMES);
  const at = new Date().toISOString();
  const progress = { current: 1, total: null, percent: null, message: null, ratePerSecond: null, etaSeconds: null, at };
  const report = { attempt: 1, type: 'PROGRESS', progress, message: null, at } as const;
  await appendEvents(
    sql,
    part(2).map((taskId) => ({ ...report, taskId })),
  );
  const end = (eighth: number, state: 'SUCCESS' | 'FAILURE' | 'RETRY') =>
    part(eighth).map((taskId, index) => {
      const error = { code: 'TOO_BAD', message: pick(ERROR_WORDS, index), retryable: true };
      return settlement({ taskId, attempt: 1, state, error: state === 'SUCCESS' ? null : error });
    });
  await settleAttempts(sql, [...end(3, 'RETRY'), ...end(4, 'SUCCESS'), ...end(5, 'FAILURE'), ...end(6, 'FAILURE')]);
  for (const id of part(6)) await reopenTasks(sql, [{ id }]);
  for (const id of part(7)) await revokeWaiting(sql, [id], 'not needed');
  return ids;
}

function pick<T>(values: readonly T[], number: number): T {
  return values[number % values.length] as T;
}

/** The list once more, as simply as it can be said. */
function reference(tasks: readonly Listed[], filter: TaskFilter): string[] {
  const { states, names, queues, tags = [], createdAfter, createdBefore, search } = filter;
  const has = (text: string) =>
    search === undefined || text.toLowerCase().includes(search.toLowerCase()) || text.includes(escaped(search));
  return tasks
    .filter(({ state }) => !states || (states as readonly string[]).includes(state))
    .filter(({ name }) => !names || names.includes(name))
    .filter(({ queue }) => !queues || queues.includes(queue))
    .filter((task) => tags.every((tag) => task.tags.includes(tag)))
    .filter(({ ms }) => !createdAfter || ms >= createdAfter.getTime())
    .filter(({ ms }) => !createdBefore || ms < createdBefore.getTime())
    .filter(({ id, text, error }) => has(text) || has(error ?? '') || id.startsWith(search?.toLowerCase() ?? ''))
    .map(({ id }) => id);
}

/** As it stands in the text of JSON. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

const someOf = <T>(values: readonly T[]) => fc.option(fc.uniqueArray(fc.constantFrom(...values)), { nil: undefined });
const time = fc.option(
  fc.integer({ min: -3, max: TASKS / 3 + 3 }).map((second) => new Date(FIRST_MS + second * SECOND_MS)),
  { nil: undefined },
);
const searches = [
  ...WORDS,
  ...ERROR_WORDS,
  'ALPHA',
  'send',
  '": "b',
  'number',
  'nothing has this',
  '%%%',
  '___',
  '\\\\\\',
];

function anyFilter(tasks: readonly Listed[]): fc.Arbitrary<TaskFilter> {
  const prefix = fc.tuple(fc.constantFrom(...tasks), fc.integer({ min: 3, max: 36 }), fc.boolean());
  return fc.record({
    states: someOf(TASK_STATES),
    names: someOf([...NAMES, 'unknown']),
    queues: someOf([...QUEUES, 'unknown']),
    tags: someOf(TAGS),
    createdAfter: time,
    createdBefore: time,
    search: fc.option(
      fc.oneof(
        fc.constantFrom(...searches),
        prefix.map(([{ id }, length, upper]) => (upper ? id.slice(0, length).toUpperCase() : id.slice(0, length))),
      ),
      { nil: undefined },
    ),
  });
}

/** Reads a list to its end, a page at a time. */
async function readAll(
  database: Database,
  filter: TaskFilter,
  order: 'asc' | 'desc',
  limit: number,
): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const cursor = all.at(-1);
    const page = await listTaskIds(database.sql, filter, {
      ...(order === 'desc' ? { before: cursor } : { after: cursor }),
      limit,
      order,
    });
    all.push(...page);
    if (page.length < limit) return all;
  }
}

test('any filter lists exactly the tasks that fit it, page by page, in both directions', async ({
  database,
  tasks,
}) => {
  await fc.assert(
    fc.asyncProperty(anyFilter(tasks), fc.integer({ min: 5, max: 100 }), async (filter, limit) => {
      const expected = reference(tasks, filter);

      expect(await readAll(database, filter, 'desc', limit)).toEqual(expected);
      expect(await readAll(database, filter, 'asc', limit)).toEqual(expected.toReversed());
    }),
    { numRuns: 150 },
  );
});

test('any stretch between two cursors is listed as it is', async ({ database, tasks }) => {
  const index = fc.integer({ min: 0, max: TASKS - 1 });
  await fc.assert(
    fc.asyncProperty(anyFilter(tasks), index, index, fc.nat(50), async (filter, first, last, limit) => {
      const [before, after] = [tasks[first]?.id ?? '', tasks[last]?.id ?? ''];
      const inside = reference(tasks, filter).filter((id) => id < before && id > after);

      const forward = await listTaskIds(database.sql, filter, { before, after, limit, order: 'desc' });
      const backward = await listTaskIds(database.sql, filter, { before, after, limit, order: 'asc' });

      expect(forward).toEqual(inside.slice(0, limit));
      expect(backward).toEqual(inside.toReversed().slice(0, limit));
    }),
    { numRuns: 100 },
  );
});

describe('each filter narrows to something and not to everything', () => {
  const filters: { what: string; filter: TaskFilter }[] = [
    ...TASK_STATES.map((state) => ({ what: `state ${state}`, filter: { states: [state] } })),
    ...NAMES.map((name) => ({ what: `name ${name}`, filter: { names: [name] } })),
    ...QUEUES.map((queue) => ({ what: `queue ${queue}`, filter: { queues: [queue] } })),
    ...TAGS.map((tag) => ({ what: `tag ${tag}`, filter: { tags: [tag] } })),
    ...[...WORDS, ...ERROR_WORDS].map((search) => ({ what: `search ${search}`, filter: { search } })),
  ];

  test.for(filters)('$what', async ({ filter }, { database, tasks }) => {
    const ids = await listTaskIds(database.sql, filter, { limit: TASKS, order: 'desc' });

    expect(ids.length).toBeGreaterThan(0);
    expect(ids.length).toBeLessThan(TASKS);
    expect(ids).toEqual(reference(tasks, filter));
  });
});

test.for([{ states: [] }, { names: [] }, { queues: [] }])(
  'no task is in one of none: %o',
  async (filter, { database }) => {
    expect(await listTaskIds(database.sql, filter, { limit: 10, order: 'desc' })).toEqual([]);
  },
);
