import { type Job, Worker } from 'bullmq';
import { describe, expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import { cancelTask } from '../../src/operations/cancel-task.ts';
import { retryTask } from '../../src/operations/retry-task.ts';
import { taskIdOf } from '../../src/queue/task-queues.ts';
import { QUEUE, test, type TestService } from './service.ts';

const BROKEN = { code: 'BROKEN', message: 'it broke', retryable: false };

/** A task that has failed; its job is still there. */
async function failedTask({ database, enqueue }: TestService): Promise<string> {
  const id = await enqueue();
  await database.start(id);
  await database.settle({ taskId: id, attempt: 1, state: 'FAILURE', error: BROKEN });
  return id;
}

/** The tasks that BullMQ would give to a worker. */
async function taskIds(service: TestService): Promise<string[]> {
  return (await service.jobIds()).map(taskIdOf);
}

const TOKEN = 'token';

/** BullMQ's worker, which takes a job only when the test wants it. */
function openWorker({ redis, prefix }: TestService): AsyncDisposable & { take(): Promise<Job | undefined> } {
  const connection = redis.duplicate({ maxRetriesPerRequest: null });
  const worker = new Worker(QUEUE, null, { connection, prefix });
  return {
    take: () => worker.getNextJob(TOKEN, { block: false }),
    async [Symbol.asyncDispose]() {
      await worker.close();
      connection.disconnect();
    },
  };
}

describe('a task that failed', () => {
  test('is PENDING again under its id: its followers hear of it, and it has a job', async ({ service }) => {
    const id = await failedTask(service);
    await service.resources.queues.remove({ id, run: 1, queue: QUEUE });
    const events = await service.listen(id);

    const task = await retryTask(service.resources, id);

    expect(task).toMatchObject({ id, state: 'PENDING', run: 2, attempt: 1, error: null, maxAttempts: 3 });
    expect(await taskIds(service)).toEqual([id]);
    await expect.poll(() => events).toMatchObject([{ sequence: 4, type: 'ENQUEUED', state: 'PENDING', attempt: 1 }]);
    expect(await service.database.start(id)).toMatchObject({ attempt: 2, failures: 0 });
  });

  test('has a job also when that of its last run ends only after it', async ({ service }) => {
    const id = await failedTask(service);
    await using worker = openWorker(service);
    const lastRun = await worker.take();

    await retryTask(service.resources, id);
    await service.resources.dispatcher.idle();
    await lastRun?.moveToCompleted(null, TOKEN, false);

    expect(lastRun?.id).toBe(id);
    expect(await worker.take()).toMatchObject({ id: `${id}-2` });
    expect(await taskIds(service)).toEqual([id]);
  });

  test('can be run again and again', async ({ service }) => {
    const id = await failedTask(service);
    for (const attempt of [2, 3]) {
      await retryTask(service.resources, id);
      await service.database.start(id);
      await service.database.settle({ taskId: id, attempt, state: 'FAILURE', error: BROKEN });
    }

    expect(await retryTask(service.resources, id)).toMatchObject({ state: 'PENDING', run: 4, attempt: 3 });
    expect(new Set(await taskIds(service))).toEqual(new Set([id]));
  });
});

test('a task that is run again while its cancellation is still under way keeps its new job', async ({ service }) => {
  const id = await service.enqueue();
  const { queues, dispatcher } = service.resources;
  const remove = queues.remove.bind(queues);
  queues.remove = async (job) => {
    await retryTask(service.resources, id); // it is REVOKED by now
    await dispatcher.idle();
    await remove(job);
  };

  await cancelTask(service.resources, { id, reason: null });

  expect(await service.database.row(id)).toMatchObject({ state: 'PENDING' });
  expect(await taskIds(service)).toEqual([id]);
});

test('a task that waits, runs or has succeeded is not run again', async ({ service }) => {
  for (const state of ['PENDING', 'STARTED', 'RETRY', 'SUCCESS'] as const) {
    const id = await service.enqueue();
    if (state !== 'PENDING') await service.database.start(id);
    if (state === 'RETRY' || state === 'SUCCESS') await service.database.settle({ taskId: id, attempt: 1, state });

    await expect(retryTask(service.resources, id)).rejects.toMatchObject({
      problems: [
        {
          code: state === 'SUCCESS' ? 'TASK_ALREADY_FINISHED' : 'TASK_NOT_FINISHED',
          message: `expected a task in state FAILURE or REVOKED, but task ${id} is in state ${state}`,
          path: ['id'],
        },
      ],
    });
    expect(await service.database.row(id)).toMatchObject({ state, run: 1 });
  }
});

test('an unknown task is not run again', async ({ service }) => {
  for (const id of [newId(), 'x', (await failedTask(service)).toUpperCase()]) {
    await expect(retryTask(service.resources, id)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
  }
});
