import { graphql } from 'graphql';
import { expect } from 'vitest';
import { openContexts } from '../../src/graphql/context.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import type { ServiceResources } from '../../src/operations/resources.ts';
import { openCatalog } from '../../src/tasks/catalog.ts';
import { watchedSql } from '../db/database.ts';
import { test } from '../operations/workflows.ts';

const schema = buildSchema(openCatalog({ diagnosticTasks: true }));

/** Runs an operation without a server in between; what it answers is compared as JSON. */
async function run(resources: ServiceResources, source: string, variableValues: Record<string, unknown> = {}) {
  const contextValue = openContexts(resources)();
  const { data, errors } = await graphql({ schema, source, variableValues, contextValue });
  if (errors) throw new Error(`GraphQL answered: ${JSON.stringify(errors)}`);
  return JSON.parse(JSON.stringify(data)) as Record<string, any>;
}

test('a step tells what it waits for, what it does and what came of it', async ({ service, workflows }) => {
  const id = await workflows.enqueue([
    { key: 'done', weight: 2 },
    { key: 'bad', onFailure: 'SKIP' },
    { key: 'tried', options: { tags: ['x'] } },
    { key: 'late', dependsOn: ['done', 'bad'], join: 'ANY', joinCount: 2 },
    { key: 'open', dependsOn: ['tried'] },
  ]);
  await workflows.run(id, 'done', 'SUCCESS', { result: { ok: 1 } });
  await workflows.run(id, 'bad', 'FAILURE');
  const { taskId, attempt } = await workflows.start(id, 'tried');
  const error = { code: 'SLOW', message: 'again', retryable: true };
  await service.database.settle({ taskId, attempt, state: 'RETRY', error, workflowId: id });

  const { workflow } = await run(
    service.resources,
    `query ($id: ID!) { workflow(id: $id) { steps {
      key state dependsOn taskName result error { code } onFailure join joinCount weight task { id state }
    } } }`,
    { id },
  );

  const step = {
    taskName: 'noop',
    result: null,
    error: null,
    onFailure: 'FAIL',
    join: 'ALL',
    joinCount: null,
    weight: 1,
  };
  const task = { id: expect.any(String) as string };
  expect(workflow.steps).toEqual([
    {
      ...step,
      key: 'done',
      state: 'SUCCESS',
      dependsOn: [],
      result: { ok: 1 },
      weight: 2,
      task: { ...task, state: 'SUCCESS' },
    },
    {
      ...step,
      key: 'bad',
      state: 'FAILURE',
      dependsOn: [],
      error: { code: 'TOO_BAD' },
      onFailure: 'SKIP',
      task: { ...task, state: 'FAILURE' },
    },
    {
      ...step,
      key: 'tried',
      state: 'RUNNING',
      dependsOn: [],
      error: { code: 'SLOW' },
      task: { id: taskId, state: 'RETRY' },
    },
    { ...step, key: 'late', state: 'SKIPPED', dependsOn: ['done', 'bad'], join: 'ANY', joinCount: 2, task: null },
    { ...step, key: 'open', state: 'BLOCKED', dependsOn: ['tried'], task: null },
  ]);
});

test('a task knows the workflow and the step that it is, if it is one', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'first' }, { key: 'second' }]);
  const { taskId } = await workflows.step(id, 'second');
  const query = 'query ($id: ID!) { task(id: $id) { workflowStepKey workflow { id name state } } }';

  expect((await run(service.resources, query, { id: taskId }))['task']).toEqual({
    workflowStepKey: 'second',
    workflow: { id, name: 'test', state: 'RUNNING' },
  });
  expect((await run(service.resources, query, { id: await service.enqueue() }))['task']).toEqual({
    workflowStepKey: null,
    workflow: null,
  });
});

test('a page of workflows with their steps is a few statements', async ({ service, workflows }) => {
  const ids: string[] = [];
  for (let number = 0; number < 10; number += 1) ids.unshift(await workflows.enqueue([{ key: 'a' }, { key: 'b' }]));
  let statements = 0;
  const sql = watchedSql(service.resources.sql, () => (statements += 1));

  const { workflows: page } = await run(
    { ...service.resources, sql },
    '{ workflows(first: 10) { nodes { id percent steps { key state task { workflowStepKey workflow { id } } } } } }',
  );

  expect(page.nodes.map((workflow: { id: string }) => workflow.id)).toEqual(ids);
  expect(page.nodes[9].steps[1]).toEqual({
    key: 'b',
    state: 'READY',
    task: { workflowStepKey: 'b', workflow: { id: ids[9] } },
  });
  expect(statements).toBe(5); // ids, workflows, steps; workflows and keys of the tasks
});

test('the history of a workflow tells what its tasks did, in a statement for all', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b', dependsOn: ['a'] }]);
  await workflows.run(id, 'a', 'SUCCESS', { result: { ok: 1 } });
  let statements = 0;
  const sql = watchedSql(service.resources.sql, () => (statements += 1));

  const { workflow } = await run(
    { ...service.resources, sql },
    `query ($id: ID!) { workflow(id: $id) { events(first: 3) {
      nodes { sequence type stepKey event { type result } } pageInfo { hasNextPage endCursor }
    } } }`,
    { id },
  );

  expect(workflow.events).toEqual({
    nodes: [
      { sequence: 1, type: 'ENQUEUED', stepKey: null, event: null },
      { sequence: 2, type: 'STEP', stepKey: 'a', event: { type: 'STARTED', result: null } },
      { sequence: 3, type: 'STEP', stepKey: 'a', event: { type: 'SUCCESS', result: { ok: 1 } } },
    ],
    pageInfo: { hasNextPage: true, endCursor: '3' },
  });
  expect(statements).toBe(3);
});

test('sources that can’t be read are user errors where the client wrote them', async ({ service }) => {
  const bad = { task: 'sum', inputFrom: { values: { stpe: 'x' } } };
  const good = { task: 'noop' };
  const pathsOf = async (mutation: string, type: string, input: object) => {
    const source = `mutation ($input: ${type}!) { ${mutation}(input: $input) { workflow { id } duplicate userErrors { code path } } }`;
    const reply = (await run(service.resources, source, { input: { name: 'test', ...input } }))[mutation];
    expect(reply).toMatchObject({ workflow: null, duplicate: false });
    return reply.userErrors.map(({ code, path }: { code: string; path: string[] }) => `${code} ${path.join('.')}`);
  };

  expect(
    await pathsOf('enqueueWorkflow', 'EnqueueWorkflowInput', {
      steps: [bad, good, bad].map((step, key) => ({ ...step, key })),
    }),
  ).toEqual(['WORKFLOW_INVALID steps.0.inputFrom.values', 'WORKFLOW_INVALID steps.2.inputFrom.values']);
  expect(await pathsOf('enqueueChain', 'EnqueueChainInput', { steps: [good, bad] })).toEqual([
    'WORKFLOW_INVALID steps.1.inputFrom.values',
  ]);
  expect(await pathsOf('enqueueGroup', 'EnqueueGroupInput', { tasks: [good, bad] })).toEqual([
    'WORKFLOW_INVALID tasks.1.inputFrom.values',
  ]);
  expect(await pathsOf('enqueueChord', 'EnqueueChordInput', { tasks: [good, bad], callback: bad })).toEqual([
    'WORKFLOW_INVALID tasks.1.inputFrom.values',
    'WORKFLOW_INVALID callback.inputFrom.values',
  ]);
});

test('a key that is sent again answers the workflow as a duplicate', async ({ service }) => {
  const source = `mutation { enqueueGroup(input: { name: "g", tasks: [{ task: "noop" }], idempotencyKey: "k" }) {
    workflow { id steps { key } } duplicate userErrors { code }
  } }`;

  const first = (await run(service.resources, source))['enqueueGroup'];
  const second = (await run(service.resources, source))['enqueueGroup'];

  expect(first).toMatchObject({ duplicate: false, workflow: { steps: [{ key: '1' }] }, userErrors: [] });
  expect(second).toEqual({ ...first, duplicate: true });
});

test('cancelling and retrying answer the workflow as it is then, or why not', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }]);
  const change = async (mutation: string) =>
    (
      await run(
        service.resources,
        `mutation ($id: ID!) { ${mutation}(id: $id) { workflow { state } duplicate userErrors { code path } } }`,
        { id },
      )
    )[mutation];
  const refused = (code: string) => ({ workflow: null, duplicate: false, userErrors: [{ code, path: ['id'] }] });

  expect(await change('retryWorkflow')).toEqual(refused('WORKFLOW_NOT_FINISHED'));
  expect(await change('cancelWorkflow')).toEqual({ workflow: { state: 'REVOKED' }, duplicate: false, userErrors: [] });
  expect(await change('cancelWorkflow')).toEqual(refused('WORKFLOW_ALREADY_FINISHED'));
  expect(await change('retryWorkflow')).toEqual({ workflow: { state: 'RUNNING' }, duplicate: false, userErrors: [] });
});

test('a filter whose parts are null is none', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }]);
  const source = '{ workflows(filter: { states: null, names: null, createdAfter: null }) { nodes { id } } }';

  expect((await run(service.resources, source))['workflows'].nodes).toEqual([{ id }]);
});
