import { describe, expect } from 'vitest';
import type { TaskProgress } from '../../../src/core/progress.ts';
import { appendEvents, type NewEvent } from '../../../src/db/statements/append-events.ts';
import { test, untilWaiting, upTo } from '../database.ts';

const AT = '2026-11-22T10:00:00.123Z';

function progressOf(current: number): TaskProgress {
  return { current, total: 10, percent: current * 10, message: null, ratePerSecond: 2.5, etaSeconds: null, at: AT };
}

function report(taskId: string, current: number, attempt = 1): NewEvent {
  return { taskId, attempt, type: 'PROGRESS', progress: progressOf(current), message: null, at: AT };
}

function line(taskId: string, message: string, attempt = 1): NewEvent {
  return { taskId, attempt, type: 'LOG', progress: null, message, at: AT };
}

test('events are appended in their order and answered with their sequences', async ({ database }) => {
  const { id } = await database.enqueue();
  await database.start(id);

  const first = await appendEvents(database.sql, [line(id, 'begun'), report(id, 1), report(id, 2)]);
  const second = await appendEvents(database.sql, [line(id, 'half')]);

  const events = await database.history(id);
  expect(events.map(({ sequence }) => sequence)).toEqual(upTo(6));
  expect(events.slice(2)).toEqual([...first, ...second].map((event) => ({ ...event, result: null, error: null })));
  expect(events.slice(2)).toMatchObject([
    { type: 'LOG', message: 'begun', progress: null, at: AT },
    { type: 'PROGRESS', progress: progressOf(1), state: 'PROGRESS' },
    { type: 'PROGRESS', progress: progressOf(2) },
    { type: 'LOG', message: 'half', state: 'PROGRESS' },
  ]);
  expect(await database.row(id)).toMatchObject({ state: 'PROGRESS', progress: progressOf(2), sequence: 6 });
});

test('a line of the log alone is no progress', async ({ database }) => {
  const { id } = await database.enqueue();
  await database.start(id);

  const [event] = await appendEvents(database.sql, [line(id, 'hello')]);

  expect(event).toMatchObject({ sequence: 3, state: 'STARTED' });
  expect(await database.row(id)).toMatchObject({ state: 'STARTED', progress: null, sequence: 3 });
});

test('a statement appends to many tasks, to each in its own sequence', async ({ database }) => {
  const [a, b] = [await database.enqueue(), await database.enqueue()];
  await database.start(a.id);
  await database.start(b.id);

  const added = await appendEvents(database.sql, [report(a.id, 1), report(b.id, 1), report(a.id, 2), report(b.id, 2)]);

  expect(added.map((event) => [event?.taskId, event?.sequence])).toEqual([
    [a.id, 3],
    [b.id, 3],
    [a.id, 4],
    [b.id, 4],
  ]);
});

describe('an attempt that is not the current one appends nothing', () => {
  test('while those of others in the same statement are appended', async ({ database }) => {
    const [a, b] = [await database.enqueue(), await database.enqueue()];
    await database.start(a.id);
    await database.start(b.id);
    await database.settle({ taskId: a.id, attempt: 1, state: 'RETRY', lost: true });
    await database.start(a.id);
    const before = await database.row(a.id);

    const added = await appendEvents(database.sql, [report(a.id, 5), report(b.id, 1), line(a.id, 'old')]);

    expect(added.map((event) => event?.sequence ?? null)).toEqual([null, 3, null]);
    expect(await database.row(a.id)).toEqual(before);
  });

  test('while the current one appends in the same statement', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: 'RETRY', lost: true });
    await database.start(id);

    const added = await appendEvents(database.sql, [report(id, 7, 1), report(id, 1, 2), report(id, 2, 2)]);

    expect(added.map((event) => event?.sequence ?? null)).toEqual([null, 5, 6]);
    expect(await database.row(id)).toMatchObject({ progress: progressOf(2), sequence: 6 });
  });

  test('after the task has ended', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: 'SUCCESS' });

    expect(await appendEvents(database.sql, [report(id, 1)])).toEqual([null]);
    expect((await database.history(id)).at(-1)).toMatchObject({ sequence: 3, type: 'SUCCESS' });
  });

  test('when the attempt is settled while it waits for the row', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    const em = database.orm.em.fork();
    await em.begin();
    await em.execute(`update task set state = 'SUCCESS', sequence = 3, finished_at = now() where id = ?`, [id]);

    const appending = appendEvents(database.sql, [report(id, 1)]);
    await untilWaiting(database, 1);
    await em.commit();

    expect(await appending).toEqual([null]);
    expect(await database.run('select sequence from task_event where task_id = $1', [id])).toEqual([]);
  });
});

test('whatever is appended while the attempt ends, the sequences are 1, 2 … n and the end is the last', async ({
  database,
}) => {
  const ids = await Promise.all(upTo(6).map(async () => (await database.enqueue()).id));
  for (const id of ids) await database.start(id);

  const outcomes = await Promise.all(
    ids.map(async (id, index) => {
      const appending: Promise<number>[] = [];
      for (const number of upTo(10)) {
        const events = [report(id, number), line(id, `line ${number}`)];
        appending.push(appendEvents(database.sql, events).then((added) => added.filter(Boolean).length));
        if (number === index + 3)
          await database.settle({ taskId: id, attempt: 1, state: index % 2 ? 'SUCCESS' : 'RETRY' });
      }
      const counts = await Promise.all(appending);
      return { id, added: counts.reduce((total, count) => total + count, 0) };
    }),
  );

  for (const { id, added } of outcomes) {
    const events = await database.history(id);
    expect(events.map(({ sequence }) => sequence)).toEqual(upTo(3 + added));
    expect(events.at(-1)?.type).toMatch(/SUCCESS|RETRY/);
    expect(added).toBeLessThan(20);
  }
});
