import { describe, expect } from 'vitest';
import { newId } from '../../../src/core/ids.ts';
import type { TaskState } from '../../../src/core/task-state.ts';
import { appendEvents } from '../../../src/db/statements/append-events.ts';
import { claimTasks, inspectUnclaimed } from '../../../src/db/statements/claim-tasks.ts';
import { revokeWaiting } from '../../../src/db/statements/end-task.ts';
import { recordHeartbeat } from '../../../src/db/statements/worker-heartbeat.ts';
import { ANY_NAME, type Database, test, untilWaiting, upTo } from '../database.ts';

/** A task in the given state. */
async function taskIn(database: Database, state: TaskState): Promise<string> {
  const { id } = await database.enqueue();
  if (state === 'PENDING') return id;
  if (state === 'REVOKED') {
    await revokeWaiting(database.sql, [id], null);
    return id;
  }
  const { attempt } = await database.start(id);
  const at = new Date().toISOString();
  const progress = { current: 1, total: null, percent: null, message: null, ratePerSecond: null, etaSeconds: null, at };
  if (state === 'PROGRESS') {
    await appendEvents(database.sql, [{ taskId: id, attempt, type: 'PROGRESS', progress, message: null, at }]);
  } else if (state !== 'STARTED') {
    await database.settle({ taskId: id, attempt, state });
  }
  return id;
}

test('a claimed task is STARTED, with the number of its attempt and its worker', async ({ database }) => {
  const { id } = await database.enqueue({ name: 'countdown', input: { steps: 2 }, maxAttempts: 4 });

  const claimed = await claimTasks(database.sql, [id], 'worker-1', ANY_NAME);

  const row = await database.row(id);
  expect(claimed).toMatchObject([
    { id, name: 'countdown', input: { steps: 2 }, attempt: 1, maxAttempts: 4, sequence: 2 },
  ]);
  expect(row).toMatchObject({ state: 'STARTED', attempt: 1, worker: 'worker-1', sequence: 2, started_sequence: 2 });
  expect(row['started_at']).toEqual(row['attempt_started_at']);
  expect((row['started_at'] as Date).toISOString()).toBe(claimed[0]?.startedAt);
  expect(await database.standing(id)).toEqual(['open', 'claim']);
});

test('the next attempt has the next number, and the task keeps the start of its first', async ({ database }) => {
  const { id } = await database.enqueue();
  await database.start(id, 'worker-1');
  const { started_at: startedAt } = await database.row(id);
  await database.settle({ taskId: id, attempt: 1, state: 'RETRY' });

  const second = await database.start(id, 'worker-2');

  expect(second).toMatchObject({ attempt: 2, sequence: 4 });
  expect(await database.row(id)).toMatchObject({ state: 'STARTED', worker: 'worker-2', started_at: startedAt });
  expect(await database.run('select worker, attempt from task_claim where task_id = $1', [id])).toEqual([
    { worker: 'worker-2', attempt: 2 },
  ]);
});

describe('what may not be claimed is left as it is', () => {
  test.for(['STARTED', 'PROGRESS', 'SUCCESS', 'FAILURE', 'REVOKED'] as const)(
    'a task in %s',
    async (state, { database }) => {
      const id = await taskIn(database, state);
      const before = await database.row(id);
      const standing = await database.standing(id);

      const claimed = await claimTasks(database.sql, [id], 'worker-2', ANY_NAME);

      expect(before['state']).toBe(state);
      expect(claimed).toEqual([]);
      expect(await database.row(id)).toEqual(before);
      expect(await database.standing(id)).toEqual(standing);
    },
  );

  test('a task whose time has not come', async ({ database }) => {
    const { id } = await database.enqueue({ runAt: new Date(Date.now() + 60_000) });

    expect(await claimTasks(database.sql, [id], 'worker-1', ANY_NAME)).toEqual([]);
    expect(await database.row(id)).toMatchObject({ state: 'PENDING', attempt: 0 });
  });

  test('a task that waits for its next attempt', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: 'RETRY', delayMs: 60_000 });

    expect(await claimTasks(database.sql, [id], 'worker-1', ANY_NAME)).toEqual([]);
  });

  test('a task that the worker has no code for', async ({ database }) => {
    const { id } = await database.enqueue({ name: 'countdown' });

    expect(await claimTasks(database.sql, [id], 'worker-1', ['noop'])).toEqual([]);
    expect(await database.row(id)).toMatchObject({ state: 'PENDING' });
  });
});

test('a task that is due within the difference of two clocks starts', async ({ database }) => {
  const { id } = await database.enqueue({ runAt: new Date(Date.now() + 30) });

  expect(await claimTasks(database.sql, [id], 'worker-1', ANY_NAME)).toHaveLength(1);
});

test('of many those are claimed that may be', async ({ database }) => {
  const pending = await Promise.all(upTo(5).map(() => taskIn(database, 'PENDING')));
  const others = await Promise.all(
    (['STARTED', 'SUCCESS', 'REVOKED'] as const).map((state) => taskIn(database, state)),
  );

  const claimed = await claimTasks(database.sql, [...others, ...pending, newId()], 'worker-1', ANY_NAME);

  expect(claimed.map(({ id }) => id).toSorted()).toEqual(pending.toSorted());
});

test('of workers that claim the same tasks at the same time each task goes to one', async ({ database }) => {
  const ids = await Promise.all(upTo(20).map(() => taskIn(database, 'PENDING')));
  const workers = upTo(8).map((number) => `worker-${number}`);

  const claims = await Promise.all(workers.map((worker) => claimTasks(database.sql, ids, worker, ANY_NAME)));

  const claimed = claims.flatMap((tasks, index) =>
    tasks.map(({ id, attempt }) => ({ id, attempt, worker: workers[index] })),
  );
  expect(claimed.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  const rows = await database.run('select id, attempt, worker from task where id = any ($1)', [ids]);
  expect(new Set(rows.map((row) => JSON.stringify(row)))).toEqual(new Set(claimed.map((row) => JSON.stringify(row))));
});

test('a task that is revoked while it is being claimed does not start', async ({ database }) => {
  const { id } = await database.enqueue();
  const em = database.orm.em.fork();
  await em.begin();
  await em.execute(`update task set state = 'REVOKED', finished_at = now() where id = ?`, [id]);

  const claiming = claimTasks(database.sql, [id], 'worker-1', ANY_NAME);
  await untilWaiting(database, 1);
  await em.commit();

  expect(await claiming).toEqual([]);
});

describe('why a task was not claimed', () => {
  test('its time has not come', async ({ database }) => {
    const { id } = await database.enqueue({ runAt: new Date(Date.now() + 60_000) });

    const seen = await inspectUnclaimed(database.sql, id);

    expect(seen).toMatchObject({ id, name: 'noop', state: 'PENDING', silentMs: null });
    expect(seen?.dueInMs).toBeGreaterThan(55_000);
    expect(seen?.dueInMs).toBeLessThanOrEqual(60_000);
  });

  test('a worker that is heard of runs it', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id, 'worker-5');
    await recordHeartbeat(database.sql, { id: 'worker-5', queues: ['diagnostics'], names: [] });
    await database.run(`update worker set heartbeat_at = now() - interval '5 s' where id = 'worker-5'`);

    const seen = await inspectUnclaimed(database.sql, id);

    expect(seen).toMatchObject({ state: 'STARTED', dueInMs: 0 });
    expect(seen?.silentMs).toBeGreaterThanOrEqual(4999); // times are stored in milliseconds
    expect(seen?.silentMs).toBeLessThan(15_000);
  });

  test('a worker that nobody knows runs it', async ({ database }) => {
    expect(await inspectUnclaimed(database.sql, await taskIn(database, 'STARTED'))).toMatchObject({ silentMs: null });
  });

  test('there is no such task', async ({ database }) => {
    expect(await inspectUnclaimed(database.sql, newId())).toBeUndefined();
  });
});
