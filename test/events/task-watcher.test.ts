import { describe, expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import type { TaskEvent } from '../../src/core/task-event.ts';
import type { EventWatcher, WatchPosition } from '../../src/events/event-watcher.ts';
import { reopenTasks } from '../../src/db/statements/end-task.ts';
import { upTo, watchedSql } from '../db/database.ts';
import { take, takeAll, test } from './watched-task.ts';

/** Watches a task that is there. */
async function follow(
  watcher: EventWatcher<TaskEvent>,
  id: string,
  position?: WatchPosition,
): Promise<AsyncGenerator<TaskEvent>> {
  const events = await watcher.watch(id, position);
  if (!events) throw new Error(`expected a task with the id ${id}, got none`);
  return events;
}

const lines = (from: number, to: number) =>
  upTo(to)
    .slice(from - 1)
    .map((sequence) => `${sequence} LOG`);

describe('who comes', () => {
  test('before a task starts gets a snapshot and then all that follows, live', async ({
    watching: { watcher, task },
  }) => {
    const watched = await task();
    const events = await follow(watcher, watched.id);

    const snapshot = await take(events, 1);
    await watched.start();
    await watched.publish(2);
    const started = await take(events, 1);
    await watched.log(2);
    await watched.publish(3);
    await watched.end('SUCCESS');
    await watched.publish(5);

    expect(snapshot).toEqual(['1 SNAPSHOT']);
    expect(started).toEqual(['2 STARTED']);
    expect(await takeAll(events)).toEqual(['3 LOG', '4 LOG', '5 SUCCESS', 'end']);
  });

  test('in the middle gets the task as it is, and then what follows', async ({ watching: { watcher, task } }) => {
    const watched = await task();
    await watched.start();
    await watched.log(3);
    const events = await follow(watcher, watched.id);

    await watched.log(1);
    await watched.publish();
    await watched.end('FAILURE');
    await watched.publish();

    expect(await takeAll(events)).toEqual(['5 SNAPSHOT', '6 LOG', '7 FAILURE', 'end']);
  });

  test('after the end gets the snapshot and the end', async ({ watching: { watcher, task } }) => {
    const watched = await task();
    await watched.start();
    await watched.end('SUCCESS');

    expect(await takeAll(await follow(watcher, watched.id))).toEqual(['3 SNAPSHOT', '3 SUCCESS', 'end']);
  });

  test('again gets all after what was seen, and then what follows', async ({ watching: { watcher, task } }) => {
    const watched = await task();
    await watched.start();
    await watched.log(250);
    const events = await follow(watcher, watched.id, { after: 1 });

    const missed = await take(events, 251);
    await watched.end('SUCCESS');
    await watched.publish();

    expect(missed).toEqual(['2 STARTED', ...lines(3, 252)]);
    expect(await takeAll(events)).toEqual(['253 SUCCESS', 'end']);
  });

  test('again after the end gets the rest at once', async ({ watching: { watcher, task } }) => {
    const watched = await task();
    await watched.start();
    await watched.log(150);
    await watched.end('FAILURE');

    expect(await takeAll(await follow(watcher, watched.id, { after: 0 }))).toEqual([
      '1 ENQUEUED',
      '2 STARTED',
      ...lines(3, 152),
      '153 FAILURE',
      'end',
    ]);
  });

  test.for([3, 4, 2 ** 31 - 1])(
    'again with all seen, after %i, gets the end of the stream',
    async (after, { watching }) => {
      const watched = await watching.task();
      await watched.start();
      await watched.end('SUCCESS');

      expect(await takeAll(await follow(watching.watcher, watched.id, { after }))).toEqual(['end']);
    },
  );

  test('with a sequence that is still to come does not miss it', async ({ watching: { watcher, task } }) => {
    const watched = await task();
    const events = await follow(watcher, watched.id, { after: 99 });

    await watched.start();
    await watched.publish(2);
    const next = await take(events, 1);
    await watched.end('SUCCESS');
    await watched.publish(3);

    expect(next).toEqual(['2 STARTED']);
    expect(await takeAll(events)).toEqual(['3 SUCCESS', 'end']);
  });

  test('for a task that there is not gets nothing to follow, and leaves nothing behind', async ({ watching }) => {
    const id = newId();

    expect(await watching.watcher.watch(id)).toBeNull();
    await expect.poll(() => watching.listeners(id)).toBe(0);
  });
});

test('a task that runs again is followed past its former end', async ({ watching: { watcher, task, database } }) => {
  const watched = await task();
  await watched.start();
  await watched.end('FAILURE');
  await reopenTasks(database.sql, [{ id: watched.id }]);
  const events = await follow(watcher, watched.id, { after: 0 });

  const former = await take(events, 4);
  await watched.start();
  await watched.end('SUCCESS');
  await watched.publish();

  expect(former).toEqual(['1 ENQUEUED', '2 STARTED', '3 FAILURE', '4 ENQUEUED']);
  expect(await takeAll(events)).toEqual(['5 STARTED', '6 SUCCESS', 'end']);
});

describe('what Redis does not bring', () => {
  test('is read when the next message comes', async ({ watching: { watcher, task } }) => {
    const watched = await task();
    const events = await follow(watcher, watched.id);
    await take(events, 1);

    await watched.start();
    await watched.log(5);
    await watched.publish(7, 7);

    expect(await take(events, 6)).toEqual(['2 STARTED', ...lines(3, 7)]);
  });

  test('is found by comparing, when no message comes any more', async ({ watching: { watcher, task } }) => {
    const [first, second] = [await task(), await task()];
    const followed = [
      await follow(watcher, first.id),
      await follow(watcher, first.id),
      await follow(watcher, second.id),
    ];
    for (const events of followed) await take(events, 1);
    const waiting = followed.map((events) => takeAll(events));

    for (const watched of [first, second]) {
      await watched.start();
      await watched.end('SUCCESS');
    }
    await watcher.refresh();

    for (const rest of waiting) expect(await rest).toEqual(['2 STARTED', '3 SUCCESS', 'end']);
  });

  test('is read when the connection is back', async ({ watching: { watcher, task, subscriber } }) => {
    const watched = await task();
    const events = await follow(watcher, watched.id);
    await take(events, 1);
    const rest = takeAll(events);

    subscriber.disconnect(true);
    await watched.start();
    await watched.end('SUCCESS');
    await watched.publish();

    expect(await rest).toEqual(['2 STARTED', '3 SUCCESS', 'end']);
  });

  test('is waited for while Postgres is away', async ({ watching: { watcherOver, task, database } }) => {
    const watched = await task();
    let refusing = 0;
    let refused = 0;
    const sql = watchedSql(database.sql, () => {
      if (refused >= refusing) return;
      refused += 1;
      throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    });
    const events = await follow(watcherOver(sql), watched.id);
    await take(events, 1);

    refusing = 2;
    await watched.start();
    await watched.end('SUCCESS');
    await watched.publish(3);

    expect(await takeAll(events)).toEqual(['2 STARTED', '3 SUCCESS', 'end']);
    expect(refused).toBe(2);
  });
});

test('what comes twice is handed on once', async ({ watching: { watcher, task } }) => {
  const watched = await task();
  const events = await follow(watcher, watched.id);
  await watched.start();
  await watched.log(3);

  await watched.publish();
  await watched.publish();
  await watched.end('SUCCESS');
  await watched.publish();

  expect(await takeAll(events)).toEqual(['1 SNAPSHOT', '2 STARTED', ...lines(3, 5), '6 SUCCESS', 'end']);
});

test('what comes in another order is handed on in its own', async ({ watching: { watcher, task } }) => {
  const watched = await task();
  const events = await follow(watcher, watched.id);
  await watched.start();
  await watched.log(4);
  await watched.end('SUCCESS');

  for (const sequence of [6, 4, 7, 5, 3, 2]) await watched.publish(sequence, sequence);

  expect(await takeAll(events)).toEqual(['1 SNAPSHOT', '2 STARTED', ...lines(3, 6), '7 SUCCESS', 'end']);
});

test('a slow reader gets everything in order, far past what is kept for it', async ({
  watching: { watcher, task },
}) => {
  const watched = await task();
  await watched.start();
  const events = await follow(watcher, watched.id);
  const snapshot = await take(events, 1);

  await watched.log(1000);
  await watched.publish(3);
  const slow = await take(events, 300);
  await watched.end('SUCCESS');
  await watched.publish();

  expect(snapshot).toEqual(['2 SNAPSHOT']);
  expect(slow).toEqual(lines(3, 302));
  expect(await takeAll(events)).toEqual([...lines(303, 1002), '1003 SUCCESS', 'end']);
});

describe('who goes', () => {
  test('while waiting for the next event goes at once, and the channel is left', async ({ watching }) => {
    const { id } = await watching.task();
    const events = await follow(watching.watcher, id);
    await take(events, 1);
    const waiting = events.next();
    const listening = await watching.listeners(id);

    await events.return(undefined);

    expect(listening).toBe(1);
    expect(await waiting).toEqual({ value: undefined, done: true });
    await expect.poll(() => watching.listeners(id)).toBe(0);
  });

  test('before the first event leaves the channel too', async ({ watching }) => {
    const { id } = await watching.task();
    const events = await follow(watching.watcher, id);

    await events.return(undefined);

    await expect.poll(() => watching.listeners(id)).toBe(0);
  });

  test('with an error leaves the channel too', async ({ watching }) => {
    const { id } = await watching.task();
    const [begun, unbegun] = [await follow(watching.watcher, id), await follow(watching.watcher, id)];
    await take(begun, 1);

    for (const events of [begun, unbegun]) await expect(events.throw(new Error('enough'))).rejects.toThrow('enough');

    await expect.poll(() => watching.listeners(id)).toBe(0);
  });

  test('does not take the stream from who stays', async ({ watching }) => {
    const watched = await watching.task();
    const [goes, stays] = [await follow(watching.watcher, watched.id), await follow(watching.watcher, watched.id)];
    await take(goes, 1);
    await take(stays, 1);

    await goes.return(undefined);
    await watched.start();
    await watched.end('SUCCESS');
    await watched.publish();

    expect(await takeAll(stays)).toEqual(['2 STARTED', '3 SUCCESS', 'end']);
    await expect.poll(() => watching.listeners(watched.id)).toBe(0);
  });

  test('after the connection was closed goes without a sound', async ({ watching }) => {
    const { id } = await watching.task();
    const events = await follow(watching.watcher, id);
    await take(events, 1);
    watching.watcher.stop();

    watching.subscriber.disconnect();

    expect(await events.return(undefined)).toEqual({ value: undefined, done: true });
  });
});

test('when the watcher stops, every stream ends and every channel is left', async ({ watching }) => {
  const tasks = [await watching.task(), await watching.task()];
  const followed = await Promise.all(tasks.map(({ id }) => follow(watching.watcher, id)));
  for (const events of followed) await take(events, 1);
  const waiting = followed.map((events) => takeAll(events));

  watching.watcher.stop();

  expect(await Promise.all(waiting)).toEqual([['end'], ['end']]);
  for (const { id } of tasks) await expect.poll(() => watching.listeners(id)).toBe(0);
});

test('when the first read fails, the caller hears of it and the channel is left', async ({ watching }) => {
  const { id } = await watching.task();
  const sql = watchedSql(watching.database.sql, () => {
    throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  });

  await expect(watching.watcherOver(sql).watch(id)).rejects.toThrow('refused');

  await expect.poll(() => watching.listeners(id)).toBe(0);
});
