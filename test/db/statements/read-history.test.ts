import { describe, expect } from 'vitest';
import { newId } from '../../../src/core/ids.ts';
import { appendEvents } from '../../../src/db/statements/append-events.ts';
import { reopenTasks } from '../../../src/db/statements/end-task.ts';
import { readEvents, readHistory, readSequences } from '../../../src/db/statements/read-history.ts';
import { type Database, test, upTo } from '../database.ts';

const AT = '2026-11-22T10:00:00.123Z';

async function log(database: Database, taskId: string, attempt: number, lines: number): Promise<void> {
  const line = { taskId, attempt, type: 'LOG', progress: null, message: 'line', at: AT } as const;
  await appendEvents(
    database.sql,
    upTo(lines).map(() => line),
  );
}

/** A task with 19 events: two attempts, a second life, and much in between. */
async function eventfulTask(database: Database): Promise<string> {
  const { id } = await database.enqueue();
  await database.start(id);
  await log(database, id, 1, 4);
  await database.settle({ taskId: id, attempt: 1, state: 'RETRY' });
  await database.start(id);
  await log(database, id, 2, 3);
  await database.settle({ taskId: id, attempt: 2, state: 'FAILURE' });
  await reopenTasks(database.sql, [{ id }]);
  await database.start(id);
  await log(database, id, 3, 4);
  await database.settle({ taskId: id, attempt: 3, state: 'SUCCESS', result: { done: true } });
  return id;
}

test('whatever the cursor and the limit, reading on gives every event once, in order', async ({ database }) => {
  const id = await eventfulTask(database);

  for (const limit of [1, 2, 3, 5, 18, 19, 100]) {
    const sequences: number[] = [];
    let ended = false;
    while (!ended) {
      const history = await readHistory(database.sql, id, sequences.at(-1) ?? 0, limit);
      const read = history?.events.map(({ sequence }) => sequence) ?? [];
      sequences.push(...read);
      ended = history?.ended ?? true;

      expect(read.length).toBeLessThanOrEqual(limit + 2);
      if (!ended) expect(read).not.toEqual([]);
    }
    expect(sequences).toEqual(upTo(19));
  }
});

test('every cursor gives exactly what comes after it', async ({ database }) => {
  const id = await eventfulTask(database);

  for (const after of upTo(21)) {
    const history = await readHistory(database.sql, id, after, 100);

    expect(history?.events.map(({ sequence }) => sequence)).toEqual(upTo(19).slice(after));
    expect(history).toMatchObject({ ended: true, more: false });
  }
});

test('the end is known before it is reached', async ({ database }) => {
  const id = await eventfulTask(database);

  const history = await readHistory(database.sql, id, 0, 2);

  expect(history).toMatchObject({ more: true, ended: false });
  expect(history?.terminal).toMatchObject({ taskId: id, sequence: 19, type: 'SUCCESS', result: { done: true } });
});

test('a former end of a task that runs again is not its end', async ({ database }) => {
  const { id } = await database.enqueue();
  await database.start(id);
  await database.settle({ taskId: id, attempt: 1, state: 'FAILURE' });
  await reopenTasks(database.sql, [{ id }]);

  const history = await readHistory(database.sql, id, 0, 100);

  expect(history?.events.at(-2)).toMatchObject({ type: 'FAILURE', state: 'FAILURE' });
  expect(history).toMatchObject({ ended: false, terminal: null });
});

describe('the snapshot', () => {
  test('of a task that waits is its enqueueing', async ({ database }) => {
    const { id, createdAt } = await database.enqueue();

    const history = await readHistory(database.sql, id, 0, 0);

    expect(history).toMatchObject({
      ended: false,
      terminal: null,
      snapshot: {
        taskId: id,
        sequence: 1,
        type: 'SNAPSHOT',
        at: createdAt.toISOString(),
        state: 'PENDING',
        attempt: 0,
        progress: null,
        result: null,
        error: null,
      },
    });
  });

  test('of a task that has ended has all that came of it', async ({ database }) => {
    const id = await eventfulTask(database);

    const history = await readHistory(database.sql, id, 0, 0);

    expect(history?.snapshot).toMatchObject({ sequence: 19, state: 'SUCCESS', attempt: 3, result: { done: true } });
    expect(history?.snapshot.at).toBe(history?.terminal?.at);
  });
});

test('an unknown task has no history', async ({ database }) => {
  expect(await readHistory(database.sql, newId(), 0, 10)).toBeNull();
});

test('single events of several tasks are read together, whether they are stored or follow from the row', async ({
  database,
}) => {
  const [one, two] = [await eventfulTask(database), (await database.enqueue()).id];
  const history = await database.history(one);
  const places = history.map(({ taskId, sequence }) => ({ taskId, sequence }));
  const missing = [
    { taskId: two, sequence: 2 },
    { taskId: newId(), sequence: 1 },
  ];

  const read = await readEvents(database.sql, [...places, { taskId: two, sequence: 1 }, ...missing]);

  expect(read.filter(({ taskId }) => taskId === one).toSorted((a, b) => a.sequence - b.sequence)).toEqual(history);
  expect(read.filter(({ taskId }) => taskId !== one)).toMatchObject([{ taskId: two, type: 'ENQUEUED' }]);
});

test('the newest sequences of tasks are read together; of one that is gone there is none', async ({ database }) => {
  const { id: pending } = await database.enqueue();
  const ended = await eventfulTask(database);

  const read = await readSequences(database.sql, [ended, newId(), pending]);

  expect(new Map(read.map(({ id, sequence }) => [id, sequence]))).toEqual(
    new Map([
      [ended, 19],
      [pending, 1],
    ]),
  );
});
