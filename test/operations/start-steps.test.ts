import { expect } from 'vitest';
import { z } from 'zod';
import { defineTask } from '../../src/core/define-task.ts';
import { settleAttempts, type Settlement } from '../../src/db/statements/settle-attempts.ts';
import { endSteps, type WorkflowNews } from '../../src/operations/advance-workflows.ts';
import { type EnqueueWorkflowInput, enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { TaskCatalog } from '../../src/tasks/catalog.ts';
import { settlement } from '../db/database.ts';
import { test, type TestService } from './service.ts';
import { WorkflowLook } from './workflow-run.ts';

/** Enqueues a workflow, and starts the first task of it. */
async function running(
  { resources, database }: TestService,
  steps: EnqueueWorkflowInput['steps'],
): Promise<{ look: WorkflowLook; end(how: Partial<Settlement>, catalog?: TaskCatalog): Promise<WorkflowNews> }> {
  const { id: workflowId } = await enqueueWorkflow(resources, { name: 'steps', steps });
  const look = new WorkflowLook(database, workflowId);
  const [first] = await look.waiting();
  const { id: taskId, attempt } = await database.start(first?.id ?? '');
  return {
    look,
    async end(how, catalog = resources.catalog) {
      const settled = settlement({ taskId, attempt, state: 'SUCCESS', result: {}, workflowId, ...how });
      const { news } = await database.sql.transaction((sql) =>
        endSteps(catalog, sql, [workflowId], () => settleAttempts(sql, [settled])),
      );
      return news;
    },
  };
}

test('a step whose contract throws when it looks at a payload fails; the step before it ends as it did', async ({
  service,
}) => {
  const { look, end } = await running(service, [
    { key: 'first', task: 'noop' },
    { key: 'second', task: 'sum', payload: { values: [1] }, dependsOn: ['first'] },
  ]);
  const input = z.object({}).refine(() => {
    throw new Error('out of order');
  });
  const broken = defineTask({ name: 'sum', description: 'Broken.', input, output: z.object({}) });

  await end({}, new TaskCatalog([broken]));

  expect(await look.row()).toMatchObject({
    state: 'FAILURE',
    error: {
      code: 'PAYLOAD_INVALID',
      message: 'step "second": the contract of sum could not check it: out of order',
    },
  });
  expect((await look.steps()).get('first')).toMatchObject({ state: 'SUCCESS', taskState: 'SUCCESS' });
});

test('what a failed step says at length is not copied in full to every step that it keeps from starting', async ({
  service,
}) => {
  const { look, end } = await running(service, [
    { key: 'first', task: 'noop' },
    { key: 'second', task: 'noop', dependsOn: ['first'] },
  ]);

  await end({ state: 'FAILURE', error: { code: 'LONG', message: 'x'.repeat(100_000), retryable: false } });

  const [second] = await service.database.run<{ message: string }>(
    `select error ->> 'message' as message from workflow_step where workflow_id = $1 and key = 'second'`,
    [look.id],
  );
  expect(second?.message).toMatch(/^The workflow failed: step "first": x+$/);
  expect(second?.message).toHaveLength(1000);
});

/** Ends the first step with a result, of which the second one takes these sources as `values`; answers its input or error. */
async function taken(service: TestService, result: unknown, sources: { path?: string }[] | { path?: string }) {
  const withStep = (source: { path?: string }) => ({ step: 'first', ...source });
  const values = Array.isArray(sources) ? sources.map(withStep) : withStep(sources);
  const { look, end } = await running(service, [
    { key: 'first', task: 'noop' },
    { key: 'second', task: 'sum', inputFrom: { values } },
  ]);
  await end({ result });
  const [step] = await service.database.run<{ input: unknown; error: string | null }>(
    `select t.input, s.error ->> 'message' as error from workflow_step s left join task t on t.id = s.task_id
     where s.workflow_id = $1 and s.key = 'second'`,
    [look.id],
  );
  return step;
}

test('a payload takes fields of a result, each as often as it is asked for', async ({ service }) => {
  const result = { rows: [{ n: 1 }, { n: 2 }], list: [3, 4] };

  expect(await taken(service, result, [{ path: 'rows.1.n' }, { path: 'rows.0.n' }, { path: 'rows.1.n' }])).toEqual({
    input: { values: [2, 1, 2] },
    error: null,
  });
  expect(await taken(service, result, { path: 'list' })).toEqual({ input: { values: [3, 4] }, error: null });
});

test('what a result has not is missed by name; what it has as null is null', async ({ service }) => {
  const result = { data: { id: 'x', rows: [1] }, none: null };

  for (const path of ['data.nothing', 'data.id.length', 'data.rows.1', 'data.rows.length', 'toString']) {
    expect(await taken(service, result, { path })).toMatchObject({
      error: `expected the result of step "first" to have "${path}" for the field "values", but it has not`,
    });
  }
  expect(await taken(service, result, { path: 'none' })).toMatchObject({
    error: expect.stringContaining('received null'),
  });
});

test('a small field may be taken of a result that is far larger than a payload; the whole of it fails the step', async ({
  service,
}) => {
  const result = { values: [1, 2], text: 'x'.repeat(17 * 1024 ** 2) };

  expect(await taken(service, result, { path: 'values' })).toEqual({ input: { values: [1, 2] }, error: null });
  expect(await taken(service, result, [{}])).toEqual({
    input: null,
    error: expect.stringContaining('the results that it takes are far more'),
  });
});

test('many steps start from one result, more than one statement enqueues', async ({ service }) => {
  const keys = Array.from({ length: 600 }, (_, number) => `step-${number}`);
  const { look, end } = await running(service, [
    { key: 'first', task: 'noop' },
    ...keys.map((key) => ({ key, task: 'sum', inputFrom: { values: { step: 'first', path: 'values' } } })),
  ]);

  await end({ result: { values: [1] } });

  expect(await look.waiting()).toHaveLength(600);
  expect((await look.row()).openSteps).toBe(600);
});

test('of many steps that start together none is left over when a later one cannot be enqueued', async ({ service }) => {
  const keys = Array.from({ length: 300 }, (_, number) => `step-${number}`);
  const { look, end } = await running(service, [
    { key: 'first', task: 'noop' },
    ...keys.map((key, number) => {
      return { key, task: 'sum', inputFrom: { values: { step: 'first', path: number === 299 ? 'gone' : 'values' } } };
    }),
  ]);

  const { tasks, withdrawn } = await end({ result: { values: [1] } });

  const states = Map.groupBy((await look.steps()).values(), ({ state }) => state);
  expect(await look.row()).toMatchObject({ state: 'FAILURE', openSteps: 0, error: { code: 'PAYLOAD_INVALID' } });
  expect([...states].map(([state, steps]) => [state, steps.length])).toEqual([
    ['SUCCESS', 1],
    ['REVOKED', 299],
    ['FAILURE', 1],
  ]);
  expect(await look.waiting()).toEqual([]);
  expect({ tasks, withdrawn: withdrawn.length }).toEqual({ tasks: [], withdrawn: 250 });
});

test('a list of no results is an empty list, also for a step that waits for nothing', async ({ service }) => {
  const { id } = await enqueueWorkflow(service.resources, {
    name: 'none',
    steps: [{ key: 'only', task: 'sum', inputFrom: { values: [] } }],
  });

  const [task] = await new WorkflowLook(service.database, id).waiting();

  expect(await service.database.row(task?.id ?? '')).toMatchObject({ input: { values: [] } });
});
