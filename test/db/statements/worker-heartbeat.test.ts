import { describe, expect } from 'vitest';
import { newId } from '../../../src/core/ids.ts';
import { requestCancel } from '../../../src/db/statements/end-task.ts';
import {
  applicationNameOf,
  endSessions,
  forgetWorkers,
  listCancelled,
  listLostAttempts,
  recordHeartbeat,
  removeWorker,
} from '../../../src/db/statements/worker-heartbeat.ts';
import { type Database, test, untilWaiting } from '../database.ts';

const LOST_AFTER_MS = 30_000;

/** A running task of a worker that was heard of so long ago. */
async function runningTask(database: Database, silentSeconds: number): Promise<{ id: string; worker: string }> {
  const worker = newId();
  const { id } = await database.enqueue();
  await recordHeartbeat(database.sql, { id: worker, queues: ['diagnostics'], names: [] });
  await database.start(id, worker);
  await silence(database, worker, silentSeconds);
  return { id, worker };
}

async function silence({ run }: Database, worker: string, seconds: number): Promise<void> {
  await run(`update worker set heartbeat_at = now() - $2 * interval '1 s' where id = $1`, [worker, seconds]);
}

async function lostOf(database: Database, id: string): Promise<unknown[]> {
  const all = await listLostAttempts(database.sql, LOST_AFTER_MS, null);
  const one = await listLostAttempts(database.sql, LOST_AFTER_MS, id);
  expect(all.filter(({ taskId }) => taskId === id)).toEqual(one);
  return one;
}

describe('an attempt is lost', () => {
  test('when its worker has been silent for too long', async ({ database }) => {
    const { id, worker } = await runningTask(database, 31);

    expect(await lostOf(database, id)).toEqual([{ taskId: id, attempt: 1, worker, losses: 0, workflowId: null }]);
  });

  test('when nobody knows its worker any more', async ({ database }) => {
    const { id, worker } = await runningTask(database, 0);

    await removeWorker(database.sql, worker);

    expect(await lostOf(database, id)).toHaveLength(1);
  });

  test('not while its worker is heard of', async ({ database }) => {
    const { id, worker } = await runningTask(database, 31);

    await recordHeartbeat(database.sql, { id: worker, queues: ['diagnostics'], names: [] });

    expect(await lostOf(database, id)).toEqual([]);
  });

  test('not when it has ended or waits for the next one', async ({ database }) => {
    const ended = await runningTask(database, 31);
    const waiting = await runningTask(database, 31);

    await database.settle({ taskId: ended.id, attempt: 1, state: 'SUCCESS' });
    await database.settle({ taskId: waiting.id, attempt: 1, state: 'RETRY' });

    expect(await lostOf(database, ended.id)).toEqual([]);
    expect(await lostOf(database, waiting.id)).toEqual([]);
  });
});

test('a worker is told which of its running tasks are to end, and why', async ({ database }) => {
  const { id, worker } = await runningTask(database, 0);
  const { id: other } = await database.enqueue();
  await database.start(other, worker);
  const before = await listCancelled(database.sql, worker);

  await requestCancel(database.sql, [id], 'enough');

  expect(before).toEqual([]);
  expect(await listCancelled(database.sql, worker)).toEqual([{ id, reason: 'enough', force: false }]);
  expect(await listCancelled(database.sql, newId())).toEqual([]);
});

test('the sessions of a lost worker are ended, and with them what they hold', async ({ database }) => {
  const { id, worker } = await runningTask(database, 31);
  const em = database.orm.em.fork();
  await em.begin();
  await em.execute(`select set_config('application_name', ?, false)`, [applicationNameOf(worker)]);
  await em.execute('select from task where id = ? for update', [id]);
  const settling = database.settle({ taskId: id, attempt: 1, state: 'RETRY', lost: true });
  await untilWaiting(database, 1);

  await endSessions(database.sql, [worker]);

  expect(await settling).toMatchObject({ state: 'RETRY' });
  await expect(em.execute('select 1')).rejects.toThrow(/./);
  await em.rollback().catch(() => undefined);
});

test('a worker that was lost long ago is forgotten when nothing of it is left', async ({ database }) => {
  const gone = newId();
  await recordHeartbeat(database.sql, { id: gone, queues: [], names: [] });
  await silence(database, gone, 25 * 3600);
  const { worker: withTask } = await runningTask(database, 25 * 3600);
  const { worker: recent } = await runningTask(database, 3600);

  await forgetWorkers(database.sql);

  const left = await database.run<{ id: string }>('select id from worker');
  const ids = left.map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining([withTask, recent]));
  expect(ids).not.toContain(gone);
});

test('the name of a worker fits into the 63 bytes that Postgres has for it', () => {
  expect(applicationNameOf(newId()).length).toBeLessThan(63);
  expect(applicationNameOf('x'.repeat(100))).toHaveLength(63);
});
