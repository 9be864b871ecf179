import { expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import type { TaskEvent } from '../../src/core/task-event.ts';
import { appendEvents } from '../../src/db/statements/append-events.ts';
import { watchTask } from '../../src/operations/watch-task.ts';
import { test } from './service.ts';

async function typesOf(events: AsyncIterable<TaskEvent>): Promise<string[]> {
  const types: string[] = [];
  for await (const { type } of events) types.push(type);
  return types;
}

test('a client gets the types that it wants, and the snapshot and the end in any case', async ({ service }) => {
  const id = await service.enqueue();
  await service.database.start(id);
  const at = new Date().toISOString();
  await appendEvents(service.database.sql, [{ taskId: id, attempt: 1, type: 'LOG', progress: null, message: 'x', at }]);
  await service.database.settle({ taskId: id, attempt: 1, state: 'FAILURE' });

  const all = await watchTask(service.resources, { id, after: 0 });
  const some = await watchTask(service.resources, { id, after: 0, types: ['LOG'] });
  const none = await watchTask(service.resources, { id, types: [] });

  expect(await typesOf(all)).toEqual(['ENQUEUED', 'STARTED', 'LOG', 'FAILURE']);
  expect(await typesOf(some)).toEqual(['LOG', 'FAILURE']);
  expect(await typesOf(none)).toEqual(['SNAPSHOT', 'FAILURE']);
});

test('a client that wants some types only can go while it waits', async ({ service }) => {
  const id = await service.enqueue();
  const events = await watchTask(service.resources, { id, after: 0, types: ['SUCCESS'] });
  const waiting = events.next();

  await events.return?.();

  expect(await waiting).toMatchObject({ done: true });
});

test('a place before the first event is refused', async ({ service }) => {
  const id = await service.enqueue();

  await expect(watchTask(service.resources, { id, after: -1 })).rejects.toMatchObject({
    problems: [{ code: 'BAD_USER_INPUT', message: 'expected after to be 0 or more, got: -1', path: ['after'] }],
  });
});

test('an unknown task cannot be watched', async ({ service }) => {
  for (const id of [newId(), 'x', (await service.enqueue()).toUpperCase()]) {
    await expect(watchTask(service.resources, { id })).rejects.toMatchObject({
      code: 'TASK_NOT_FOUND',
      message: `there is no task with the id ${JSON.stringify(id)}`,
    });
  }
});
