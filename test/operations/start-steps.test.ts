import { expect } from 'vitest';
import { z } from 'zod';
import { defineTask } from '../../src/core/define-task.ts';
import { settleAttempts, type Settlement } from '../../src/db/statements/settle-attempts.ts';
import { endSteps } from '../../src/operations/advance-workflows.ts';
import { type EnqueueWorkflowInput, enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { TaskCatalog } from '../../src/tasks/catalog.ts';
import { settlement } from '../db/database.ts';
import { test, type TestService } from './service.ts';
import { WorkflowLook } from './workflow-run.ts';

/** Enqueues a workflow, and starts the first task of it. */
async function running(
  { resources, database }: TestService,
  steps: EnqueueWorkflowInput['steps'],
): Promise<{ look: WorkflowLook; end(how: Partial<Settlement>, catalog?: TaskCatalog): Promise<void> }> {
  const { id: workflowId } = await enqueueWorkflow(resources, { name: 'steps', steps });
  const look = new WorkflowLook(database, workflowId);
  const [first] = await look.waiting();
  const { id: taskId, attempt } = await database.start(first?.id ?? '');
  return {
    look,
    async end(how, catalog = resources.catalog) {
      const settled = settlement({ taskId, attempt, state: 'SUCCESS', result: {}, workflowId, ...how });
      await database.sql.transaction((sql) =>
        endSteps(catalog, sql, [workflowId], () => settleAttempts(sql, [settled])),
      );
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

test('a list of no results is an empty list, also for a step that waits for nothing', async ({ service }) => {
  const { id } = await enqueueWorkflow(service.resources, {
    name: 'none',
    steps: [{ key: 'only', task: 'sum', inputFrom: { values: [] } }],
  });

  const [task] = await new WorkflowLook(service.database, id).waiting();

  expect(await service.database.row(task?.id ?? '')).toMatchObject({ input: { values: [] } });
});
