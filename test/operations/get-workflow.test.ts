import { expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import { appendEvents } from '../../src/db/statements/append-events.ts';
import { getWorkflow, getWorkflows } from '../../src/operations/get-workflow.ts';
import { listWorkflowEvents } from '../../src/operations/list-events.ts';
import { TOO_BAD, test } from './workflows.ts';

test('a workflow that runs counts what has ended by its weight, and what runs by its own progress', async ({
  service: { resources, database },
  workflows,
}) => {
  const percent = async () => (await getWorkflow(resources, id))?.percent;
  const id = await workflows.enqueue([
    { key: 'a', weight: 3 },
    { key: 'b', weight: 5 },
    { key: 'c', dependsOn: ['a', 'b'], weight: 2 },
  ]);
  const fresh = await percent();
  await workflows.run(id, 'a');
  const afterOne = await percent();
  const { taskId, attempt } = await workflows.start(id, 'b');
  const started = await percent();
  const at = new Date().toISOString();
  const report = { current: 1, total: 2, percent: 50, message: null, ratePerSecond: null, etaSeconds: null, at };
  await appendEvents(database.sql, [{ taskId, attempt, type: 'PROGRESS', progress: report, message: null, at }]);

  expect([fresh, afterOne, started, await percent()]).toEqual([0, 30, 30, 55]);
});

test('a workflow that has succeeded is at 100, when and as what it ended', async ({
  service: { resources },
  workflows,
}) => {
  const id = await workflows.enqueue(
    [
      { key: 'a', weight: 0.1 },
      { key: 'b', weight: 0.2 },
    ],
    'report',
  );
  for (const key of ['a', 'b']) await workflows.run(id, key);

  const workflow = await getWorkflow(resources, id);

  expect(workflow).toMatchObject({ id, name: 'report', state: 'SUCCESS', percent: 100, sequence: 6, error: null });
  expect(Date.parse(workflow?.finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(workflow?.createdAt ?? ''));
});

test('a workflow that has failed stays where it was, with the error of its step', async ({
  service: { resources },
  workflows,
}) => {
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b', dependsOn: ['a'] }, { key: 'c', dependsOn: ['b'] }]);
  await workflows.run(id, 'a');
  await workflows.run(id, 'b', 'FAILURE');

  const workflow = await getWorkflow(resources, id);

  expect(workflow).toMatchObject({
    state: 'FAILURE',
    error: { code: 'TOO_BAD', message: 'step "b": it went wrong' },
    finishedAt: expect.any(String) as string,
  });
  expect(workflow?.percent).toBeCloseTo(100 / 3);
  expect(await workflows.steps(id)).toMatchObject([
    { key: 'a', state: 'SUCCESS', error: null },
    { key: 'b', state: 'FAILURE', error: TOO_BAD },
    { key: 'c', state: 'REVOKED', error: { code: 'CANCELLED' }, taskId: null },
  ]);
});

test('an unknown id has no workflow, and several come in the order of their ids', async ({
  service: { resources },
  workflows,
}) => {
  const [a, b] = [await workflows.enqueue([{ key: 'x' }]), await workflows.enqueue([{ key: 'x' }])];

  expect(await getWorkflow(resources, newId())).toBeNull();
  expect(await getWorkflow(resources, 'x')).toBeNull();
  expect((await getWorkflows(resources, [b, newId(), a])).map(({ id }) => id)).toEqual([b, a]);
  expect(await getWorkflows(resources, [])).toEqual([]);
});

test('the history of a workflow comes in pages, oldest first', async ({ service: { resources }, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b', dependsOn: ['a'] }]);
  for (const key of ['a', 'b']) await workflows.run(id, key);

  const first = await listWorkflowEvents(resources, { workflowId: id, first: 4 });
  const rest = await listWorkflowEvents(resources, { workflowId: id, after: '4' });

  expect(first).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  expect(rest).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
  expect([...first.items, ...rest.items].map(({ type, stepKey, stepState }) => [type, stepKey, stepState])).toEqual([
    ['ENQUEUED', null, null],
    ['STEP', 'a', 'RUNNING'],
    ['STEP', 'a', 'SUCCESS'],
    ['STEP', 'b', 'READY'],
    ['STEP', 'b', 'RUNNING'],
    ['STEP', 'b', 'SUCCESS'],
    ['SUCCESS', null, null],
  ]);
  await expect(listWorkflowEvents(resources, { workflowId: id, after: 'x' })).rejects.toMatchObject({
    problems: [{ code: 'BAD_USER_INPUT', path: ['after'] }],
  });
});
