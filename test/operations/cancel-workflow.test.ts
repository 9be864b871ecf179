import { expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import type { CancelMessage } from '../../src/events/event-bus.ts';
import { cancelTask } from '../../src/operations/cancel-task.ts';
import { cancelWorkflow } from '../../src/operations/cancel-workflow.ts';
import { getWorkflow } from '../../src/operations/get-workflow.ts';
import { test } from './workflows.ts';

test('a workflow of which nothing runs is REVOKED at once, and its jobs are gone', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b', dependsOn: ['a'] }]);

  await cancelWorkflow(service.resources, { id, reason: 'not needed' });

  expect(await getWorkflow(service.resources, id)).toMatchObject({ state: 'REVOKED', cancelReason: 'not needed' });
  expect(await workflows.states(id)).toEqual({ a: 'REVOKED', b: 'REVOKED' });
  expect(await service.jobIds()).toEqual([]);
  const events = await workflows.history(id);
  expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  expect(events.at(-1)).toMatchObject({ type: 'REVOKED', state: 'REVOKED' });
});

test('what runs is told, and the workflow ends with it', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b', dependsOn: ['a'] }, { key: 'c' }]);
  const { taskId, attempt } = await workflows.start(id, 'a');
  const messages: CancelMessage[] = [];
  await service.resources.bus.subscribeCancel((message) => messages.push(message));

  await cancelWorkflow(service.resources, { id, reason: 'enough', force: true });
  const between = { ...(await getWorkflow(service.resources, id)), steps: await workflows.states(id) };

  expect(between).toMatchObject({ state: 'RUNNING', steps: { a: 'RUNNING', b: 'REVOKED', c: 'REVOKED' } });
  await expect.poll(() => messages).toEqual([{ taskId, reason: 'enough', force: true }]);
  expect(attempt).toBe(1);
});

test('a step that succeeds all the same counts as done, and the workflow is REVOKED', async ({
  service,
  workflows,
}) => {
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b', dependsOn: ['a'] }]);
  const running = await workflows.start(id, 'a');
  await cancelWorkflow(service.resources, { id });

  await workflows.end(id, running, 'SUCCESS');

  expect(await getWorkflow(service.resources, id)).toMatchObject({ state: 'REVOKED', percent: 50 });
  expect(await workflows.states(id)).toEqual({ a: 'SUCCESS', b: 'REVOKED' });
});

test('an unknown workflow, and one that has ended, can’t be cancelled', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }]);
  await workflows.run(id, 'a');

  for (const unknown of [newId(), 'x']) {
    const message = `there is no workflow with the id ${JSON.stringify(unknown)}`;
    await expect(cancelWorkflow(service.resources, { id: unknown })).rejects.toMatchObject({
      problems: [{ code: 'WORKFLOW_NOT_FOUND', message, path: ['id'] }],
    });
  }
  await expect(cancelWorkflow(service.resources, { id })).rejects.toMatchObject({
    problems: [
      { code: 'WORKFLOW_ALREADY_FINISHED', message: `workflow ${id} is already in state SUCCESS`, path: ['id'] },
    ],
  });
});

test('a step that is cancelled by itself is a failure of its workflow', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b', dependsOn: ['a'] }]);
  const { taskId } = await workflows.step(id, 'a');

  await cancelTask(service.resources, { id: taskId ?? '', reason: 'no' });

  expect(await getWorkflow(service.resources, id)).toMatchObject({
    state: 'FAILURE',
    error: { code: 'CANCELLED', message: 'step "a": no' },
  });
  expect(await workflows.states(id)).toEqual({ a: 'REVOKED', b: 'REVOKED' });
});
