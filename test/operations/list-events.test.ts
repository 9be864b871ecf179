import { expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import type { TaskEvent } from '../../src/core/task-event.ts';
import { appendEvents } from '../../src/db/statements/append-events.ts';
import { listEvents } from '../../src/operations/list-events.ts';
import { upTo } from '../db/database.ts';
import { test, type TestService } from './service.ts';

/** A task with 29 events that has ended. */
async function eventfulTask({ database, enqueue }: TestService): Promise<string> {
  const taskId = await enqueue();
  const at = new Date().toISOString();
  await database.start(taskId);
  const line = (message: string) => ({ taskId, attempt: 1, type: 'LOG', progress: null, message, at }) as const;
  await appendEvents(
    database.sql,
    upTo(20).map((n) => line(`line ${n}`)),
  );
  await database.settle({ taskId, attempt: 1, state: 'RETRY' });
  await database.start(taskId);
  await database.settle({ taskId, attempt: 2, state: 'RETRY' });
  await database.start(taskId);
  await database.settle({ taskId, attempt: 3, state: 'RETRY' });
  await database.start(taskId);
  await database.settle({ taskId, attempt: 4, state: 'SUCCESS' });
  return taskId;
}

const COUNT = 29;

test('pages of any size give the whole history once, oldest first', async ({ service }) => {
  const taskId = await eventfulTask(service);

  for (const first of [1, 2, 7, 28, 29, 30, 100]) {
    const events: TaskEvent[] = [];
    for (let more = true; more;) {
      const after = events.at(-1)?.sequence;
      const page = await listEvents(service.resources, {
        taskId,
        first,
        after: after === undefined ? null : String(after),
      });

      expect(page.items.length).toBe(Math.min(first, COUNT - events.length));
      expect(page.hasPreviousPage).toBe(after !== undefined);
      events.push(...page.items);
      more = page.hasNextPage;
    }
    expect(events.map(({ sequence }) => sequence)).toEqual(upTo(COUNT));
    expect(events.at(-1)).toMatchObject({ type: 'SUCCESS' });
  }
});

test('a page without a size has twenty events, and one of none says whether there are some', async ({ service }) => {
  const taskId = await eventfulTask(service);

  const page = await listEvents(service.resources, { taskId });
  const none = await listEvents(service.resources, { taskId, first: 0, after: '28' });
  const past = await listEvents(service.resources, { taskId, first: 0, after: '29' });

  expect(page.items).toHaveLength(20);
  expect(none).toMatchObject({ items: [], hasNextPage: true });
  expect(past).toMatchObject({ items: [], hasNextPage: false });
});

test('after its end there is nothing', async ({ service }) => {
  const taskId = await eventfulTask(service);

  for (const after of ['29', '30', '2147483647']) {
    expect(await listEvents(service.resources, { taskId, after })).toMatchObject({ items: [], hasNextPage: false });
  }
});

test('what is no cursor or no size of a page is refused', async ({ service }) => {
  const taskId = newId();

  for (const after of ['-1', 'x', '1.5', '2147483648', '1e400']) {
    const message = `expected after to be a cursor of this list, got: ${JSON.stringify(after)}`;
    await expect(listEvents(service.resources, { taskId, after })).rejects.toMatchObject({
      problems: [{ code: 'BAD_USER_INPUT', message, path: ['after'] }],
    });
  }
  for (const first of [-1, 101]) {
    const message = `expected first to be from 0 to 100, got: ${first}`;
    await expect(listEvents(service.resources, { taskId, first })).rejects.toMatchObject({
      problems: [{ code: 'BAD_USER_INPUT', message, path: ['first'] }],
    });
  }
});

test('an unknown task has no events', async ({ service }) => {
  expect(await listEvents(service.resources, { taskId: newId() })).toEqual({
    items: [],
    hasNextPage: false,
    hasPreviousPage: false,
  });
});
