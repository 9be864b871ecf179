import { describe, expect } from 'vitest';
import { newId } from '../../../src/core/ids.ts';
import { claimTasks } from '../../../src/db/statements/claim-tasks.ts';
import { requestCancel, reopenTasks, revokeWaiting } from '../../../src/db/statements/end-task.ts';
import { ANY_NAME, type Database, test, untilWaiting, upTo } from '../database.ts';

const BROKEN = { code: 'BROKEN', message: 'it broke', retryable: true };

/** A task that has failed in its first attempt. */
async function failedTask(database: Database): Promise<string> {
  const { id } = await database.enqueue();
  await database.start(id);
  await database.settle({ taskId: id, attempt: 1, state: 'FAILURE', error: BROKEN });
  return id;
}

describe('a task that waits is revoked at once', () => {
  test('before it has started', async ({ database }) => {
    const { id } = await database.enqueue();

    const error = { code: 'CANCELLED', message: 'not needed', retryable: false };
    expect(await revokeWaiting(database.sql, [id], 'not needed')).toEqual([
      {
        id,
        state: 'REVOKED',
        queue: 'diagnostics',
        run: 1,
        attempt: 0,
        sequence: 2,
        error,
        reason: 'not needed',
        at: expect.any(String),
        workflowId: null,
        workflowStep: null,
      },
    ]);

    expect(await database.row(id)).toMatchObject({ state: 'REVOKED', sequence: 2, error, cancel_reason: 'not needed' });
    expect(await database.standing(id)).toEqual(['REVOKED']);
    expect((await database.history(id)).at(-1)).toMatchObject({
      type: 'REVOKED',
      sequence: 2,
      message: 'not needed',
      error,
    });
  });

  test('between two attempts, and its history keeps the first', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: 'RETRY' });

    expect(await revokeWaiting(database.sql, [id], null)).toMatchObject([{ id, sequence: 4 }]);

    const events = await database.history(id);
    expect(events.map(({ sequence, type }) => `${sequence} ${type}`)).toEqual([
      '1 ENQUEUED',
      '2 STARTED',
      '3 RETRY',
      '4 REVOKED',
    ]);
    expect(events.at(-1)).toMatchObject({ message: null, error: { message: 'The task was cancelled' } });
    expect(await database.standing(id)).toEqual(['REVOKED']);
  });

  test('but not when it runs, and not when it has ended', async ({ database }) => {
    const { id: running } = await database.enqueue();
    await database.start(running);
    const failed = await failedTask(database);

    expect(await revokeWaiting(database.sql, [running], null)).toEqual([]);
    expect(await revokeWaiting(database.sql, [failed], null)).toEqual([]);
    expect(await database.row(running)).toMatchObject({ state: 'STARTED', cancel_requested_at: null });
    expect(await database.row(failed)).toMatchObject({ state: 'FAILURE', sequence: 3 });
  });

  test('but not when a worker claims it in the same moment', async ({ database }) => {
    const { id } = await database.enqueue();
    const em = database.orm.em.fork();
    await em.begin();
    await em.execute(`update task set state = 'STARTED', attempt = 1, worker = 'w' where id = ?`, [id]);

    const revoking = revokeWaiting(database.sql, [id], null);
    await untilWaiting(database, 1);
    await em.commit();

    expect(await revoking).toEqual([]);
    expect(await database.standing(id)).toEqual(['open']);
  });

  test('and never starts afterwards', async ({ database }) => {
    const { id } = await database.enqueue();
    await revokeWaiting(database.sql, [id], null);

    expect(await claimTasks(database.sql, [id], 'worker-1', ANY_NAME)).toEqual([]);
  });
});

describe('a wish to end a running task', () => {
  test('is written down with its reason; the first one stays', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);

    const first = await requestCancel(database.sql, [id], 'first');
    const { cancel_requested_at: requestedAt } = await database.row(id);
    const second = await requestCancel(database.sql, [id], 'second');

    expect([first, second]).toEqual([[id], [id]]);
    expect(requestedAt).toBeInstanceOf(Date);
    expect(await database.row(id)).toMatchObject({
      state: 'STARTED',
      sequence: 2,
      cancel_reason: 'first',
      cancel_requested_at: requestedAt,
    });
  });

  test('changes nothing of a task that does not run', async ({ database }) => {
    const { id: pending } = await database.enqueue();
    const failed = await failedTask(database);

    expect(await requestCancel(database.sql, [pending], 'x')).toEqual([]);
    expect(await requestCancel(database.sql, [failed], 'x')).toEqual([]);
    expect(await requestCancel(database.sql, [newId()], 'x')).toEqual([]);
    expect(await database.row(pending)).toMatchObject({ cancel_requested_at: null, cancel_reason: null });
  });
});

describe('a task that is run again', () => {
  test('is as new, but for its history and the numbers of its attempts', async ({ database }) => {
    const id = await failedTask(database);

    const reopened = await reopenTasks(database.sql, [{ id }]);

    expect(reopened).toMatchObject([{ id, sequence: 4, attempt: 1, run: 2 }]);
    expect(await database.row(id)).toMatchObject({
      state: 'PENDING',
      run: 2,
      attempt: 1,
      failures: 0,
      losses: 0,
      max_attempts: 3,
      result: null,
      error: null,
      progress: null,
      run_at: null,
      finished_at: null,
      cancel_requested_at: null,
      cancel_reason: null,
    });
    expect(await database.standing(id)).toEqual(['open']);
    expect(await database.start(id)).toMatchObject({ attempt: 2, sequence: 5 });
  });

  test('keeps all events of its former life', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: 'RETRY', error: BROKEN });
    await database.start(id);
    await database.settle({ taskId: id, attempt: 2, state: 'FAILURE', error: BROKEN });
    const before = await database.history(id);

    await reopenTasks(database.sql, [{ id }]);
    const pending = await database.history(id);
    await database.start(id);
    await database.settle({ taskId: id, attempt: 3, state: 'SUCCESS', result: {} });
    const ended = await database.history(id);

    const plain = (events: typeof before) =>
      events.map((event) => ({ progress: null, message: null, result: null, error: null, ...event }));
    expect(plain(pending).slice(0, 5)).toEqual(plain(before));
    expect(ended.map(({ sequence, type, state, attempt }) => `${sequence} ${type} ${state} ${attempt}`)).toEqual([
      '1 ENQUEUED PENDING 0',
      '2 STARTED STARTED 1',
      '3 RETRY RETRY 1',
      '4 STARTED STARTED 2',
      '5 FAILURE FAILURE 2',
      '6 ENQUEUED PENDING 2',
      '7 STARTED STARTED 3',
      '8 SUCCESS SUCCESS 3',
    ]);
    const attempts = await database.run('select number from task_attempt where task_id = $1 order by number', [id]);
    expect(attempts).toEqual([{ number: 1 }, { number: 2 }]);
  });

  test('after it was revoked keeps the reason as an event', async ({ database }) => {
    const { id } = await database.enqueue();
    await revokeWaiting(database.sql, [id], 'by mistake');

    await reopenTasks(database.sql, [{ id }]);

    expect(await database.history(id)).toMatchObject([
      { sequence: 1, type: 'ENQUEUED' },
      { sequence: 2, type: 'REVOKED', message: 'by mistake', error: { code: 'CANCELLED' } },
      { sequence: 3, type: 'ENQUEUED' },
    ]);
    expect(await database.run('select number from task_attempt where task_id = $1', [id])).toEqual([]);
  });

  test('has the budget that it was enqueued with, however often', async ({ database }) => {
    const { id } = await database.enqueue({ maxAttempts: 3 });

    const budgets: unknown[] = [];
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      const { failures, maxAttempts } = await database.start(id);
      budgets.push({ failures, maxAttempts });
      await database.settle({ taskId: id, attempt, state: 'FAILURE', error: BROKEN });
      await reopenTasks(database.sql, [{ id }]);
    }

    expect(budgets).toEqual(upTo(4).map(() => ({ failures: 0, maxAttempts: 3 })));
  });

  test('has no losses of workers from its former life', async ({ database }) => {
    const { id } = await database.enqueue();
    for (const attempt of upTo(5)) {
      await database.start(id);
      await database.settle({ taskId: id, attempt, state: attempt < 5 ? 'RETRY' : 'FAILURE', lost: true });
    }
    const { losses } = await database.row(id);

    await reopenTasks(database.sql, [{ id }]);

    expect(losses).toBe(5);
    expect(await database.row(id)).toMatchObject({ losses: 0 });
  });

  test('belongs to a new transaction, so that it is found as a new task is', async ({ database }) => {
    const id = await failedTask(database);
    const [before] = await database.run<{ xid: string }>('select pg_current_xact_id()::text as xid');

    await reopenTasks(database.sql, [{ id }]);

    const [open] = await database.run<{ newer: boolean }>(
      'select xid > $2::xid8 as newer from open_task where task_id = $1',
      [id, before?.xid],
    );
    expect(open).toEqual({ newer: true });
  });

  test('is so once, of several that ask at the same time', async ({ database }) => {
    const id = await failedTask(database);
    const em = database.orm.em.fork();
    await em.begin();
    await em.execute('select from task where id = ? for update', [id]);

    const reopening = Promise.all(upTo(3).map(() => reopenTasks(database.sql, [{ id }])));
    await untilWaiting(database, 3);
    await em.commit();

    expect((await reopening).flat()).toHaveLength(1);
    expect((await database.history(id)).map(({ sequence }) => sequence)).toEqual(upTo(4));
  });

  test('must have failed or been revoked', async ({ database }) => {
    const { id: pending } = await database.enqueue();
    const { id: running } = await database.enqueue();
    await database.start(running);
    const { id: succeeded } = await database.enqueue();
    await database.start(succeeded);
    await database.settle({ taskId: succeeded, attempt: 1, state: 'SUCCESS' });

    for (const id of [pending, running, succeeded, newId()])
      expect(await reopenTasks(database.sql, [{ id }])).toEqual([]);
    expect(await database.row(succeeded)).toMatchObject({ state: 'SUCCESS', sequence: 3 });
  });
});
