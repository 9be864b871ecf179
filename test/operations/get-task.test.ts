import { expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import { getTask, getTasks } from '../../src/operations/get-task.ts';
import { test } from './service.ts';

test('a task is found by its id, and by nothing else', async ({ service }) => {
  const id = await service.enqueue();

  expect(await getTask(service.resources, id)).toMatchObject({ id, state: 'PENDING' });
  for (const other of [newId(), id.toUpperCase(), `${id} `, '', 'x', "'; drop table task --"]) {
    expect(await getTask(service.resources, other)).toBeNull();
  }
});

test('tasks come in the order of the ids that were asked for, without those that are gone', async ({ service }) => {
  const [a, b, c] = [await service.enqueue(), await service.enqueue(), await service.enqueue()];

  const tasks = await getTasks(service.resources, [c, newId(), a, b]);

  expect(tasks.map(({ id }) => id)).toEqual([c, a, b]);
  expect(await getTasks(service.resources, [])).toEqual([]);
});
