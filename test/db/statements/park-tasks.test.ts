import { describe, expect } from 'vitest';
import { newId } from '../../../src/core/ids.ts';
import { revokeWaiting } from '../../../src/db/statements/end-task.ts';
import { FIRST_OPEN_TASK, listOpenTasks, readHorizon } from '../../../src/db/statements/find-undispatched.ts';
import { parkTask, someWorkerKnows, unparkTasks } from '../../../src/db/statements/park-tasks.ts';
import { recordHeartbeat } from '../../../src/db/statements/worker-heartbeat.ts';
import { type Database, test } from '../database.ts';

/** A parked task with a name of its own. */
async function parkedTask(database: Database): Promise<{ id: string; known: { names: string[]; queues: string[] } }> {
  const name = `task-${newId()}`;
  const { id } = await database.enqueue({ name });
  await parkTask(database.sql, id);
  return { id, known: { names: ['noop', name], queues: ['email', 'diagnostics'] } };
}

/** Which open tasks the reconciler would look at, from a transaction on. */
async function openFrom({ sql }: Database, xid: string): Promise<string[]> {
  return (await listOpenTasks(sql, { ...FIRST_OPEN_TASK, xid }, 10_000)).map(({ id }) => id);
}

describe('a parked task', () => {
  test('is open, but nothing to dispatch', async ({ database }) => {
    const { id } = await parkedTask(database);

    expect(await database.standing(id)).toEqual(['open']);
    expect(await openFrom(database, '0')).not.toContain(id);
  });

  test('is taken back once, for another job, by a worker that knows it', async ({ database }) => {
    const { id, known } = await parkedTask(database);

    const first = await unparkTasks(database.sql, known);
    const second = await unparkTasks(database.sql, known);

    expect([first, second]).toEqual([[id], []]);
    expect(await database.row(id)).toMatchObject({ state: 'PENDING', run: 2 });
  });

  test('that is taken back but not dispatched is found by the reconciler, however far that is', async ({
    database,
  }) => {
    const { id, known } = await parkedTask(database);
    const { next } = await readHorizon(database.sql);

    await unparkTasks(database.sql, known);

    expect(await openFrom(database, next)).toContain(id);
  });

  test('stays parked when its name or its queue is another', async ({ database }) => {
    const { known } = await parkedTask(database);

    expect(await unparkTasks(database.sql, { ...known, names: ['noop'] })).toEqual([]);
    expect(await unparkTasks(database.sql, { ...known, queues: ['email'] })).toEqual([]);
  });

  test('that was revoked meanwhile is not dispatched', async ({ database }) => {
    const { id, known } = await parkedTask(database);
    await revokeWaiting(database.sql, [id], null);

    expect(await unparkTasks(database.sql, known)).toEqual([]);
    expect(await database.row(id)).toMatchObject({ state: 'REVOKED', run: 1 });
  });
});

test('a task that runs or has ended is not parked', async ({ database }) => {
  const { id } = await database.enqueue();
  await database.start(id);
  await parkTask(database.sql, id);
  await database.settle({ taskId: id, attempt: 1, state: 'SUCCESS' });
  await parkTask(database.sql, id);

  expect(await database.run('select task_id from parked_task where task_id = $1', [id])).toEqual([]);
});

test('a worker knows a task when it has its name, takes from its queue and was heard of lately', async ({
  database,
}) => {
  const id = newId();
  const name = `task-${id}`;
  await recordHeartbeat(database.sql, { id, queues: ['email'], names: [name] });
  const knows = (given: { name?: string; queue?: string } = {}) =>
    someWorkerKnows(database.sql, given.name ?? name, given.queue ?? 'email', 30_000);

  const answers = [await knows(), await knows({ name: 'unknown' }), await knows({ queue: 'file' })];
  await database.run(`update worker set heartbeat_at = now() - interval '31 s' where id = $1`, [id]);

  expect(answers).toEqual([true, false, false]);
  expect(await knows()).toBe(false);
});
