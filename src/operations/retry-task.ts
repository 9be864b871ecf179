import { userError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { TaskRow } from '../db/entities/task.ts';
import { reopenTasks } from '../db/statements/end-task.ts';
import { taskNotFound } from './cancel-task.ts';
import { getTask } from './get-task.ts';
import type { ServiceResources } from './resources.ts';

/**
 * Runs a task that failed or was revoked again, under the same id and with a fresh budget of attempts.
 *
 * Throws a `UserInputError` with TASK_NOT_FOUND or TASK_NOT_FINISHED, TASK_ALREADY_FINISHED when it succeeded, or
 * TASK_IN_WORKFLOW: a step is run again with its workflow.
 */
export async function retryTask(resources: ServiceResources, id: string): Promise<TaskRow> {
  if (!isId(id)) throw taskNotFound(id);
  const before = await getTask(resources, id);
  if (before?.workflowId) throw inWorkflow(id, before.workflowId);
  const [reopened] = await reopenTasks(resources.sql, [{ id }]);
  const task = await getTask(resources, id);
  if (!task) throw taskNotFound(id);
  if (!reopened) throw notRetryable(task);
  const { sequence, attempt, at } = reopened;
  resources.bus.publish([{ taskId: id, sequence, type: 'ENQUEUED', at, state: 'PENDING', attempt }]);
  resources.dispatcher.dispatch([{ ...reopened, delayMs: 0 }]);
  return task;
}

function inWorkflow(id: string, workflowId: string) {
  const message = `task ${id} is a step of workflow ${workflowId}: run that again with retryWorkflow`;
  return userError('TASK_IN_WORKFLOW', message, ['id']);
}

function notRetryable({ id, state }: TaskRow) {
  const code = state === 'SUCCESS' ? 'TASK_ALREADY_FINISHED' : 'TASK_NOT_FINISHED';
  return userError(code, `expected a task in state FAILURE or REVOKED, but task ${id} is in state ${state}`, ['id']);
}
