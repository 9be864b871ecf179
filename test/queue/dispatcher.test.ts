import { pino } from 'pino';
import { describe, expect } from 'vitest';
import { transactionSql } from '../../src/db/sql.ts';
import { revokeWaiting } from '../../src/db/statements/end-task.ts';
import type { DispatchableTask } from '../../src/db/statements/find-undispatched.ts';
import { insertTasks } from '../../src/db/statements/insert-tasks.ts';
import { Dispatcher } from '../../src/queue/dispatcher.ts';
import type { TaskQueues } from '../../src/queue/task-queues.ts';
import { newTask, upTo, watchedSql } from '../db/database.ts';
import { QUEUE, test, type TestService } from '../operations/service.ts';

/** A dispatcher of the test's own, which notes how many tasks it handed to BullMQ at once; it fails as often as it is told. */
function openDispatcher(
  { resources, database }: TestService,
  options: { failures?: number; refuse?: () => boolean } = {},
) {
  let { failures = 0 } = options;
  const batches: number[] = [];
  const sql = watchedSql(database.sql, () => {
    if (options.refuse?.()) throw new Error('Postgres is away');
  });
  const add: TaskQueues['add'] = async (tasks) => {
    batches.push(tasks.length);
    failures -= 1;
    if (failures >= 0) throw new Error('Redis is away');
    await resources.queues.add(tasks);
  };
  const queues = new Proxy(resources.queues, {
    get: (target, name) => (name === 'add' ? add : Reflect.get(target, name)),
  });
  return { dispatcher: new Dispatcher({ queues, sql, logger: pino({ level: 'silent' }) }), batches };
}

const dispatchable = ({ id }: { id: string }): DispatchableTask => ({
  id,
  name: 'noop',
  run: 1,
  queue: QUEUE,
  priority: 5,
  delayMs: 0,
});

describe('committed tasks', () => {
  test('that come in the same turn travel together', async ({ service }) => {
    const { dispatcher, batches } = openDispatcher(service);
    const tasks = upTo(30).map(() => newTask());

    for (const task of tasks) dispatcher.dispatch([dispatchable(task)]);
    await dispatcher.idle();

    expect(batches).toEqual([30]);
    expect(await service.jobIds()).toEqual(tasks.map(({ id }) => id));
  });

  test('travel two hundred at a time', async ({ service }) => {
    const { dispatcher, batches } = openDispatcher(service);

    dispatcher.dispatch(upTo(450).map(() => dispatchable(newTask())));
    await dispatcher.idle();

    expect(batches).toEqual([200, 200, 50]);
  });

  test('that Redis does not take are dropped, and the next ones are tried', async ({ service }) => {
    const { dispatcher, batches } = openDispatcher(service, { failures: 1 });
    const tasks = upTo(250).map(() => newTask());

    dispatcher.dispatch(tasks.map(dispatchable));
    await dispatcher.idle();

    expect(batches).toEqual([200, 50]);
    expect(await service.jobIds()).toEqual(tasks.slice(200).map(({ id }) => id));
  });

  test('are not kept in any number', async ({ service }) => {
    const { dispatcher, batches } = openDispatcher(service);
    const tasks = upTo(6000).map(() => dispatchable(newTask()));

    dispatcher.dispatch(tasks);
    dispatcher.dispatch(upTo(6000).map(() => dispatchable(newTask())));
    await dispatcher.idle();

    expect(batches.reduce((total, size) => total + size, 0)).toBe(6000);
  });
});

describe('tasks of a transaction', () => {
  test('are dispatched when they have become visible, once', async ({ service }) => {
    const { dispatcher, batches } = openDispatcher(service);
    const task = newTask();
    const em = service.resources.orm.em.fork();
    await em.begin();
    await insertTasks(transactionSql(em), [task]);
    dispatcher.noteUncommitted([task.id]);

    await dispatcher.dispatchCommitted();
    await dispatcher.idle();
    const before = await service.jobIds();
    await em.commit();
    await dispatcher.dispatchCommitted();
    await dispatcher.dispatchCommitted();
    await dispatcher.idle();

    expect(before).toEqual([]);
    expect(await service.jobIds()).toEqual([task.id]);
    expect(batches.filter((size) => size > 0)).toEqual([1]);
  });

  test('that have been cancelled meanwhile are not dispatched', async ({ service }) => {
    const { dispatcher } = openDispatcher(service);
    const { id } = await service.database.enqueue();
    dispatcher.noteUncommitted([id]);
    await revokeWaiting(service.database.sql, [id], null);

    await dispatcher.dispatchCommitted();
    await dispatcher.idle();

    expect(await service.jobIds()).toEqual([]);
  });

  test('are kept when Postgres does not answer', async ({ service }) => {
    let away = true;
    const { dispatcher } = openDispatcher(service, { refuse: () => away });
    const { id } = await service.database.enqueue();
    dispatcher.noteUncommitted([id]);

    await dispatcher.dispatchCommitted();
    away = false;
    await dispatcher.dispatchCommitted();
    await dispatcher.idle();

    expect(await service.jobIds()).toEqual([id]);
  });
});
