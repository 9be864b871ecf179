import { describe, expect } from 'vitest';
import { Batcher } from '../../../src/core/batcher.ts';
import { newId } from '../../../src/core/ids.ts';
import { requestCancel } from '../../../src/db/statements/end-task.ts';
import { type SettledTask, settleAttempts, type Settlement } from '../../../src/db/statements/settle-attempts.ts';
import { recordHeartbeat } from '../../../src/db/statements/worker-heartbeat.ts';
import { rescueLostTasks } from '../../../worker/maintenance/rescue-lost-tasks.ts';
import type { WorkerResources } from '../../../worker/worker-resources.ts';
import { upTo } from '../../db/database.ts';
import { test, type TestService } from '../../operations/service.ts';

const LOST_AFTER_MS = 30_000;

/** What the rescue needs of a worker. */
function workerOf({ resources }: TestService, mayJudge = true): WorkerResources {
  const settlements = new Batcher<Settlement, SettledTask | null>(async (ends) => {
    const settled = new Map((await settleAttempts(resources.sql, ends)).map((task) => [task.id, task]));
    return ends.map(({ taskId }) => settled.get(taskId) ?? null);
  });
  return {
    ...resources,
    settlements,
    lostAfterMs: LOST_AFTER_MS,
    mayJudge: () => mayJudge,
  } as unknown as WorkerResources;
}

/** A task that a worker runs which was last heard of so long ago. */
async function runningTask({ database, enqueue }: TestService, silentSeconds: number): Promise<string> {
  const worker = newId();
  const id = await enqueue();
  await database.start(id, worker);
  await recordHeartbeat(database.sql, { id: worker, queues: [], names: [] });
  await database.run(`update worker set heartbeat_at = now() - $2 * interval '1 s' where id = $1`, [
    worker,
    silentSeconds,
  ]);
  return id;
}

describe('a task of a lost worker', () => {
  test('goes back to its queue, without a failure of its own', async ({ service }) => {
    const id = await runningTask(service, 31);
    await service.resources.queues.remove({ id, run: 1, queue: 'diagnostics' });
    const events = await service.listen(id);

    await rescueLostTasks(workerOf(service));

    expect(await service.database.row(id)).toMatchObject({
      state: 'RETRY',
      failures: 0,
      losses: 1,
      error: { code: 'WORKER_LOST' },
    });
    expect(await service.jobIds()).toEqual([id]);
    expect(await service.database.start(id)).toMatchObject({ attempt: 2, failures: 0 });
    await expect.poll(() => events).toMatchObject([{ sequence: 3, type: 'RETRY', error: { code: 'WORKER_LOST' } }]);
  });

  test('that was to be cancelled is REVOKED', async ({ service }) => {
    const id = await runningTask(service, 31);
    await requestCancel(service.database.sql, [id], 'not needed');
    const events = await service.listen(id);

    await rescueLostTasks(workerOf(service));

    expect(await service.database.standing(id)).toEqual(['REVOKED']);
    await expect.poll(() => events).toMatchObject([{ type: 'REVOKED', message: 'not needed' }]);
  });

  test('that has lost five of them is given up', async ({ service }) => {
    const id = await service.enqueue();

    const states: unknown[] = [];
    for (const attempt of upTo(5)) {
      const claimed = await service.database.start(id, newId()); // a worker that nobody has heard of
      await rescueLostTasks(workerOf(service));
      states.push((await service.database.row(id))['state']);
      expect(claimed.attempt).toBe(attempt);
    }

    expect(states).toEqual(['RETRY', 'RETRY', 'RETRY', 'RETRY', 'FAILURE']);
    expect(await service.database.row(id)).toMatchObject({
      error: {
        code: 'WORKER_LOST',
        message: 'The task lost its worker 5 times; it is not tried again',
        retryable: false,
      },
    });
  });
});

test('a task of a worker that is heard of is left to it', async ({ service }) => {
  const id = await runningTask(service, 29);

  await rescueLostTasks(workerOf(service));

  expect(await service.database.row(id)).toMatchObject({ state: 'STARTED', losses: 0 });
});

test('a worker that may not judge rescues nothing', async ({ service }) => {
  const id = await runningTask(service, 3600);

  await rescueLostTasks(workerOf(service, false));

  expect(await service.database.row(id)).toMatchObject({ state: 'STARTED' });
});

test('two workers that rescue at the same time count one loss', async ({ service }) => {
  const ids = await Promise.all(upTo(10).map(() => runningTask(service, 31)));

  await Promise.all(upTo(3).map(() => rescueLostTasks(workerOf(service))));

  for (const id of ids)
    expect(await service.database.row(id)).toMatchObject({ state: 'RETRY', losses: 1, sequence: 3 });
});
