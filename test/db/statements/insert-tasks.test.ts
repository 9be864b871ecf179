import { describe, expect } from 'vitest';
import { newId } from '../../../src/core/ids.ts';
import { transactionSql } from '../../../src/db/sql.ts';
import { findKeyHolders, insertTasks, insertTasksImpatiently } from '../../../src/db/statements/insert-tasks.ts';
import { isLockTimeout } from '../../../src/db/unavailable.ts';
import { newTask, test, untilWaiting, upTo } from '../database.ts';

test('a new task is stored as it was given, PENDING, with its first event', async ({ database }) => {
  const runAt = new Date('2030-01-02T03:04:05.678Z');
  const task = newTask({
    name: 'countdown',
    queue: 'slow',
    priority: 0,
    input: { steps: 3, text: 'Ünï😀 "quoted" \\ %_', list: [1.5, null, true] },
    maxAttempts: 7,
    tags: ['a', 'b,"c"', '{}'],
    owner: 'ada',
    idempotencyKey: 'key-1',
    runAt,
  });

  const inserted = await insertTasks(database.sql, [task]);

  expect(inserted).toEqual(new Set([task.id]));
  expect(await database.row(task.id)).toMatchObject({
    name: 'countdown',
    queue: 'slow',
    state: 'PENDING',
    priority: 0,
    input: task.input,
    max_attempts: 7,
    tags: task.tags,
    owner: 'ada',
    idempotency_key: 'key-1',
    attempt: 0,
    losses: 0,
    sequence: 1,
    created_at: task.createdAt,
    run_at: runAt,
    started_at: null,
    finished_at: null,
  });
  expect(await database.standing(task.id)).toEqual(['open']);
  expect(await database.history(task.id)).toEqual([
    {
      taskId: task.id,
      sequence: 1,
      type: 'ENQUEUED',
      at: task.createdAt.toISOString(),
      state: 'PENDING',
      attempt: 0,
    },
  ]);
});

test('a statement of which one task cannot be stored stores none', async ({ database }) => {
  const tasks = [newTask(), newTask({ input: { text: 'a\u0000b' } })];

  await expect(insertTasks(database.sql, tasks)).rejects.toMatchObject({ code: '22P05' });

  const ids = tasks.map(({ id }) => id);
  expect(await database.run('select id from task where id = any ($1)', [ids])).toEqual([]);
  expect(await database.run('select task_id from open_task where task_id = any ($1)', [ids])).toEqual([]);
});

describe('an idempotency key', () => {
  test('that many insert at the same time makes one task', async ({ database }) => {
    const tasks = upTo(40).map(() => newTask({ idempotencyKey: 'order-1' }));

    const inserted = await Promise.all(tasks.map((task) => insertTasks(database.sql, [task])));

    const winners = inserted.flatMap((ids) => [...ids]);
    expect(winners).toHaveLength(1);
    expect(await database.run(`select id from task where idempotency_key = 'order-1'`)).toEqual([{ id: winners[0] }]);
    expect(await Promise.all(tasks.map(({ id }) => database.standing(id)))).toEqual(
      tasks.map(({ id }) => (id === winners[0] ? ['open'] : [])),
    );
    expect(await findKeyHolders(database.sql, tasks.slice(0, 1))).toEqual([
      { owner: '', key: 'order-1', id: winners[0], same: true },
    ]);
  });

  test('that comes twice in one statement makes one task', async ({ database }) => {
    const tasks = ['twice', 'twice', 'once'].map((idempotencyKey) => newTask({ idempotencyKey }));

    const inserted = await insertTasks(database.sql, tasks);

    expect(inserted.size).toBe(2);
    expect(inserted).toContain(tasks[2]?.id);
  });

  test('belongs to its owner', async ({ database }) => {
    const tasks = ['ada', 'bob', ''].map((owner) => newTask({ owner, idempotencyKey: 'same' }));

    expect((await insertTasks(database.sql, tasks)).size).toBe(3);
  });

  test('that is left out never meets another', async ({ database }) => {
    expect(
      (
        await insertTasks(
          database.sql,
          upTo(3).map(() => newTask()),
        )
      ).size,
    ).toBe(3);
  });

  test('is free again when the transaction that took it is rolled back', async ({ database }) => {
    const em = database.orm.em.fork();
    await em.begin();
    await insertTasks(transactionSql(em), [newTask({ idempotencyKey: 'given up' })]);
    const second = newTask({ idempotencyKey: 'given up' });

    const inserting = insertTasks(database.sql, [second]);
    await untilWaiting(database, 1);
    await em.rollback();

    expect(await inserting).toEqual(new Set([second.id]));
  });

  test('is waited for only so long by who is impatient, and nothing is inserted then', async ({ database }) => {
    const em = database.orm.em.fork();
    await em.begin();
    await insertTasks(transactionSql(em), [newTask({ idempotencyKey: 'waited for' })]);
    const tasks = ['a free one', 'waited for'].map((idempotencyKey) => newTask({ idempotencyKey }));

    await expect(insertTasksImpatiently(database.sql, tasks, 1)).rejects.toSatisfy(isLockTimeout);
    const meanwhile = await findKeyHolders(database.sql, tasks);
    await em.rollback();

    expect(meanwhile).toEqual([]);
    expect((await insertTasksImpatiently(database.sql, tasks, 1)).size).toBe(2);
  });

  test('is met by statements that bring the same keys in another order, and none of them fails', async ({
    database,
  }) => {
    const keys = upTo(100).map((number) => `key-${number}`);
    const batch = (order: readonly string[]) => order.map((idempotencyKey) => newTask({ idempotencyKey }));
    const shuffled = upTo(12).map((number) => keys.toSorted((a, b) => orderOf(a, number) - orderOf(b, number)));

    const inserted = await Promise.all(shuffled.map((order) => insertTasks(database.sql, batch(order))));

    expect(inserted.reduce((total, ids) => total + ids.size, 0)).toBe(keys.length);
  });
});

describe('who holds a key', () => {
  test('is the same task when its name and input are the same, in whatever order its fields are', async ({
    database,
  }) => {
    const holder = await database.enqueue({ idempotencyKey: 'order', input: { x: 1, y: { z: [1, 2] } } });

    const asked = newTask({ idempotencyKey: 'order', input: { y: { z: [1, 2] }, x: 1.0 } });

    expect(await findKeyHolders(database.sql, [asked])).toMatchObject([{ id: holder.id, same: true }]);
  });

  test.for([
    { what: 'another input', given: { input: { x: 2 } } },
    { what: 'an input with more in it', given: { input: { x: 1, y: 1 } } },
    { what: 'another name', given: { name: 'countdown' } },
  ])('is another task when it has $what', async ({ what, given }, { database }) => {
    await database.enqueue({ idempotencyKey: what, input: { x: 1 } });

    const asked = newTask({ idempotencyKey: what, input: { x: 1 }, ...given });

    expect(await findKeyHolders(database.sql, [asked])).toMatchObject([{ same: false }]);
  });

  test('is nobody for a key that is free', async ({ database }) => {
    expect(await findKeyHolders(database.sql, [newTask({ id: newId(), idempotencyKey: 'free' })])).toEqual([]);
  });
});

/** An order of its own for each seed. */
function orderOf(key: string, seed: number): number {
  return (Number(key.slice(4)) * (seed * 2 + 1) * 7919) % 101;
}
