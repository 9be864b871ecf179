import { expect } from 'vitest';
import { cancelTask } from '../../src/operations/cancel-task.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { test, type TestService } from './service.ts';
import { runAttempt, WorkflowLook } from './workflow-run.ts';

/** A workflow of one step that has succeeded. */
async function endedWorkflow({ resources, database }: TestService): Promise<{ look: WorkflowLook; taskId: string }> {
  const { id } = await enqueueWorkflow(resources, { name: 'one', steps: [{ key: 'only', task: 'noop' }] });
  const look = new WorkflowLook(database, id);
  const [{ id: taskId } = { id: '' }] = await look.waiting();
  await runAttempt({ sql: database.sql, workflowId: id, taskId }, { succeeds: true, retries: 0 });
  return { look, taskId };
}

test('cancelling a step of a workflow that has ended says so, and the workflow does not end again', async ({
  service,
}) => {
  const { look, taskId } = await endedWorkflow(service);
  const before = await look.row();

  const cancelling = cancelTask(service.resources, { id: taskId });

  await expect(cancelling).rejects.toMatchObject({ problems: [{ code: 'TASK_ALREADY_FINISHED' }] });
  expect(before).toMatchObject({ state: 'SUCCESS' });
  expect(await look.row()).toEqual(before);
  expect((await look.events()).map(({ type }) => type)).toEqual(['ENQUEUED', 'STEP', 'STEP', 'SUCCESS']);
});
