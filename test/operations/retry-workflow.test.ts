import { expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import { cancelWorkflow } from '../../src/operations/cancel-workflow.ts';
import { getTask } from '../../src/operations/get-task.ts';
import { getWorkflow } from '../../src/operations/get-workflow.ts';
import { retryTask } from '../../src/operations/retry-task.ts';
import { retryWorkflow } from '../../src/operations/retry-workflow.ts';
import { test } from './workflows.ts';

test('goes on from what failed, under the same ids; what succeeded is not run again', async ({
  service,
  workflows,
}) => {
  const { resources } = service;
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b', dependsOn: ['a'] }, { key: 'c', dependsOn: ['b'] }]);
  await workflows.run(id, 'a');
  await workflows.run(id, 'b', 'FAILURE');
  const failed = await workflows.step(id, 'b');

  await retryWorkflow(resources, id);
  const again = await getWorkflow(resources, id);
  const states = await workflows.states(id);
  for (const key of ['b', 'c']) await workflows.run(id, key);

  expect(again).toMatchObject({ state: 'RUNNING', error: null, finishedAt: null });
  expect(again?.percent).toBeCloseTo(100 / 3);
  expect(states).toEqual({ a: 'SUCCESS', b: 'READY', c: 'BLOCKED' });
  expect(await getWorkflow(resources, id)).toMatchObject({ state: 'SUCCESS', percent: 100 });
  expect((await workflows.step(id, 'b')).taskId).toBe(failed.taskId);
  expect(await getTask(resources, failed.taskId ?? '')).toMatchObject({ attempt: 2, state: 'SUCCESS' });
  const types = (await workflows.history(id)).map(({ type }) => type).filter((type) => type !== 'STEP');
  expect(types).toEqual(['ENQUEUED', 'FAILURE', 'ENQUEUED', 'SUCCESS']);
});

test('a step whose input is another one now gets another task', async ({ service, workflows }) => {
  const { resources } = service;
  const id = await workflows.enqueue([
    { key: 'a', onFailure: 'CONTINUE' },
    { key: 'b', task: 'sum', payload: {}, dependsOn: ['a'], inputFrom: { values: [{ step: 'a', path: 'total' }] } },
  ]);
  await workflows.run(id, 'a', 'FAILURE');
  const before = await workflows.step(id, 'b');
  await workflows.run(id, 'b', 'FAILURE');

  await retryWorkflow(resources, id);
  await workflows.run(id, 'a', 'SUCCESS', { result: { total: 3 } });
  const after = await workflows.step(id, 'b');

  expect(after.taskId).not.toBe(before.taskId);
  expect(await getTask(resources, before.taskId ?? '')).toMatchObject({ state: 'FAILURE', input: { values: [] } });
  expect(await getTask(resources, after.taskId ?? '')).toMatchObject({ state: 'PENDING', input: { values: [3] } });
});

test('a cancelled workflow can be run again', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }]);
  await cancelWorkflow(service.resources, { id, reason: 'a mistake' });

  await retryWorkflow(service.resources, id);
  await workflows.run(id, 'a');

  expect(await getWorkflow(service.resources, id)).toMatchObject({ state: 'SUCCESS', cancelReason: null });
});

test('an unknown workflow, one that runs and one that succeeded can’t be run again', async ({ service, workflows }) => {
  const running = await workflows.enqueue([{ key: 'a' }]);
  const succeeded = await workflows.enqueue([{ key: 'a' }]);
  await workflows.run(succeeded, 'a');
  const unknown = newId();
  const refusal = (id: string) =>
    retryWorkflow(service.resources, id).catch((error: { problems: unknown[] }) => error.problems);

  expect(await refusal(unknown)).toMatchObject([{ code: 'WORKFLOW_NOT_FOUND', path: ['id'] }]);
  expect(await refusal('x')).toMatchObject([{ code: 'WORKFLOW_NOT_FOUND', path: ['id'] }]);
  expect(await refusal(running)).toEqual([
    {
      code: 'WORKFLOW_NOT_FINISHED',
      message: `expected a workflow in state FAILURE or REVOKED, but workflow ${running} is in state RUNNING`,
      path: ['id'],
    },
  ]);
  expect(await refusal(succeeded)).toMatchObject([{ code: 'WORKFLOW_ALREADY_FINISHED', path: ['id'] }]);
});

test('a step is not run again by itself', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a', onFailure: 'CONTINUE' }, { key: 'b' }]);
  await workflows.run(id, 'a', 'FAILURE');
  const { taskId } = await workflows.step(id, 'a');

  await expect(retryTask(service.resources, taskId ?? '')).rejects.toMatchObject({
    problems: [{ code: 'TASK_IN_WORKFLOW', path: ['id'] }],
  });
});
