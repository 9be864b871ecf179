import { expect } from 'vitest';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { retryWorkflow } from '../../src/operations/retry-workflow.ts';
import { test } from './service.ts';
import { runAttempt, WorkflowLook } from './workflow-run.ts';

test('a workflow that is run again after its steps were to have started does not fail for that', async ({
  service: { resources, database },
}) => {
  const inAnHour = new Date(Date.now() + 3_600_000);
  const { id: workflowId } = await enqueueWorkflow(resources, {
    name: 'late',
    steps: [
      { key: 'first', task: 'noop' },
      { key: 'over', task: 'noop', dependsOn: ['first'], options: { expiresAt: inAnHour } },
      { key: 'open', task: 'noop', dependsOn: ['first'], options: { expiresAt: inAnHour } },
    ],
  });
  const look = new WorkflowLook(database, workflowId);
  const runFirst = async (succeeds: boolean) => {
    const [first] = await look.waiting();
    await runAttempt({ sql: database.sql, workflowId, taskId: first?.id ?? '' }, { succeeds, retries: 0 });
  };
  await runFirst(false);
  await database.run(
    `update workflow_step set options = options || '{"expiresAt": "2020-01-01T00:00:00.000Z"}'
     where workflow_id = $1 and key = 'over'`,
    [workflowId],
  );

  await retryWorkflow(resources, workflowId);
  await runFirst(true);

  const waiting = await look.waiting();
  const expiries = await Promise.all(waiting.map(async ({ id, key }) => [key, (await database.row(id))['expires_at']]));
  expect(Object.fromEntries(expiries)).toEqual({ over: null, open: inAnHour });
});
