import { expect } from 'vitest';
import type { TaskEvent } from '../../src/core/task-event.ts';
import { cancelTask } from '../../src/operations/cancel-task.ts';
import { enqueueTask, type EnqueueInput } from '../../src/operations/enqueue-task.ts';
import { openDatabase } from '../db/database.ts';
import { openTestService } from '../support/core-service.ts';
import { test as base } from '../support/taskwire.ts';

const test = base.extend('resources', async ({ world, taskwire }, { onCleanup }) => {
  const service = await openTestService(world);
  onCleanup(() => service.close());
  await taskwire.startWorker();
  return service.resources;
});

/** What a field that is left out says too. */
function withNulls(event: TaskEvent): TaskEvent {
  return { progress: null, message: null, result: null, error: null, ...event };
}

const TASKS: { what: string; input: EnqueueInput; cancelled?: boolean; ends: string }[] = [
  { what: 'succeeds', input: { name: 'countdown', payload: { steps: 3, stepMs: 150 } }, ends: 'SUCCESS' },
  { what: 'is tried again', input: { name: 'fail-times', payload: { times: 1 } }, ends: 'SUCCESS' },
  {
    what: 'fails',
    input: { name: 'fail-times', payload: { times: 1, code: 'TOO_BAD' }, options: { maxAttempts: 1 } },
    ends: 'FAILURE',
  },
  {
    what: 'is cancelled while it runs',
    input: { name: 'countdown', payload: { steps: 1000, stepMs: 100 } },
    cancelled: true,
    ends: 'REVOKED',
  },
];

test('what is said while a task lives is what is told of it afterwards', async ({ resources }) => {
  const told = await Promise.all(
    TASKS.map(async ({ input, cancelled, ends }) => {
      const { id } = await enqueueTask(resources, input);
      const events = await resources.watcher.watch(id, { after: 0 });
      const live: TaskEvent[] = [];
      for await (const event of events ?? []) {
        live.push(event);
        if (cancelled && event.type === 'PROGRESS') await cancelTask(resources, { id, reason: 'seen enough' });
      }
      return { id, live, ends };
    }),
  );

  const { history } = openDatabase(resources.orm);
  for (const { id, live, ends } of told) {
    expect(live.map(withNulls)).toEqual((await history(id)).map(withNulls));
    expect(live.at(-1)).toMatchObject({ type: ends });
  }
});
