import { expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import { listTasks, type ListTasksInput } from '../../src/operations/list-tasks.ts';
import { newTask, upTo } from '../db/database.ts';
import { insertTasks } from '../../src/db/statements/insert-tasks.ts';
import { test, type TestService } from './service.ts';

const COUNT = 25;

/** Newest first. */
async function seed({ database }: TestService): Promise<string[]> {
  const tasks = upTo(COUNT).map((number) => newTask({ name: number % 2 ? 'noop' : 'countdown' }));
  await insertTasks(database.sql, tasks);
  return tasks.map(({ id }) => id).toReversed();
}

test('pages forward give all tasks once, newest first', async ({ service }) => {
  const ids = await seed(service);

  const seen: string[] = [];
  for (let more = true; more;) {
    const after = seen.at(-1) ?? null;
    const page = await listTasks(service.resources, { first: 10, after });
    expect(page.hasPreviousPage).toBe(after !== null);
    seen.push(...page.items.map(({ id }) => id));
    more = page.hasNextPage;
  }

  expect(seen).toEqual(ids);
});

test('pages backward give all tasks once, from the oldest on', async ({ service }) => {
  const ids = await seed(service);

  let seen: string[] = [];
  for (let more = true; more;) {
    const before = seen[0] ?? null;
    const page = await listTasks(service.resources, { last: 10, before });
    expect(page.hasNextPage).toBe(before !== null);
    seen = [...page.items.map(({ id }) => id), ...seen];
    more = page.hasPreviousPage;
  }

  expect(seen).toEqual(ids);
});

test('a page between two cursors has what lies between them', async ({ service }) => {
  const ids = await seed(service);
  const range = { after: ids[4] ?? null, before: ids[12] ?? null };

  const forward = await listTasks(service.resources, { ...range, first: 3 });
  const backward = await listTasks(service.resources, { ...range, last: 3 });

  expect(forward.items.map(({ id }) => id)).toEqual(ids.slice(5, 8));
  expect(backward.items.map(({ id }) => id)).toEqual(ids.slice(9, 12));
});

test('a page without a size has twenty tasks', async ({ service }) => {
  const ids = await seed(service);

  const page = await listTasks(service.resources, {});

  expect(page.items.map(({ id }) => id)).toEqual(ids.slice(0, 20));
  expect(page).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
});

test('a filter and a page work together', async ({ service }) => {
  const ids = await seed(service);

  const page = await listTasks(service.resources, {
    first: 5,
    filter: { names: ['countdown'] },
    after: ids[3] ?? null,
  });

  expect(page.items.map(({ id }) => id)).toEqual(
    ids
      .slice(4)
      .filter((_, index) => index % 2 === 1)
      .slice(0, 5),
  );
  expect(page.items.map(({ name }) => name)).toEqual(upTo(5).map(() => 'countdown'));
});

const REFUSED: { input: ListTasksInput; message: string; path: string[] }[] = [
  { input: { first: 101 }, message: 'expected first to be from 0 to 100, got: 101', path: ['first'] },
  { input: { last: -1 }, message: 'expected last to be from 0 to 100, got: -1', path: ['last'] },
  { input: { first: 1, last: 1 }, message: 'expected first or last, got both', path: ['last'] },
  { input: { after: 'x' }, message: 'expected after to be a cursor of this list, got: "x"', path: ['after'] },
  { input: { before: '' }, message: 'expected before to be a cursor of this list, got: ""', path: ['before'] },
  {
    input: { filter: { search: '😀b' } },
    message: 'expected search to have at least 3 characters, got: "😀b"',
    path: ['filter', 'search'],
  },
  {
    input: { filter: { names: ['noop', 'a\u0000'] } },
    message: 'expected text without NUL characters',
    path: ['filter', 'names', '1'],
  },
  {
    input: { filter: { queues: upTo(101).map(String) } },
    message: 'expected at most 100 queues, got: 101',
    path: ['filter', 'queues'],
  },
  { input: { filter: { search: 'abc\ud800' } }, message: 'expected well-formed Unicode', path: ['filter', 'search'] },
];

test('what cannot be asked for is refused, with its place', async ({ service }) => {
  for (const { input, message, path } of REFUSED) {
    await expect(listTasks(service.resources, input)).rejects.toMatchObject({
      problems: [{ code: 'BAD_USER_INPUT', message, path }],
    });
  }
});

test('the cursor need not be of a task that is still there', async ({ service }) => {
  const ids = await seed(service);

  expect((await listTasks(service.resources, { after: newId(), first: 2 })).items.map(({ id }) => id)).toEqual(
    ids.slice(0, 2),
  );
});
