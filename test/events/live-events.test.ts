import { expect } from 'vitest';
import type { TaskEvent } from '../../src/core/task-event.ts';
import type { WorkflowEvent } from '../../src/core/workflow-event.ts';
import { cancelTask } from '../../src/operations/cancel-task.ts';
import { enqueueTask, type EnqueueInput } from '../../src/operations/enqueue-task.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { watchWorkflow } from '../../src/operations/watch-workflow.ts';
import { openDatabase, upTo } from '../db/database.ts';
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

test('what is said while a workflow lives is what is told of it afterwards', async ({ resources }) => {
  const steps = [
    { key: 'slow', task: 'countdown', payload: { steps: 3, stepMs: 500 } },
    { key: 'again', task: 'fail-times', payload: { times: 1 } },
    {
      key: 'bad',
      task: 'fail-times',
      payload: { times: 1 },
      options: { maxAttempts: 1 },
      dependsOn: ['slow'],
    },
    { key: 'never', task: 'noop', dependsOn: ['bad', 'again'] },
  ];
  const { id } = await enqueueWorkflow(resources, { name: 'test', steps });
  const said: WorkflowEvent[] = [];
  await resources.bus.subscribeWorkflow(id, (event) => said.push(event));

  await all(await watchWorkflow(resources, { id }));
  const told = await all(await watchWorkflow(resources, { id, after: 0 }));

  await expect.poll(() => said.at(-1)).toMatchObject({ type: 'FAILURE', state: 'FAILURE' });
  expect(told.map(({ sequence }) => sequence)).toEqual(upTo(told.length));
  const inOrder = said.toSorted((a, b) => a.sequence - b.sequence);
  expect(inOrder).toEqual(told.slice(-said.length));
  expect(said.map(({ type }) => type)).toContain('PROGRESS');
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
