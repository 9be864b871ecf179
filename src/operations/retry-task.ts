import { userError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { TaskRow } from '../db/entities/task.ts';
import { reopenTask } from '../db/statements/end-task.ts';
import { readHistory } from '../db/statements/read-history.ts';
import { taskNotFound } from './cancel-task.ts';
import { getTask } from './get-task.ts';
import type { ServiceResources } from './resources.ts';

/**
 * Runs a task that failed or was revoked again, under the same id and with a fresh budget of attempts.
 *
 * Throws a `UserInputError` with TASK_NOT_FOUND or TASK_NOT_FINISHED, or TASK_ALREADY_FINISHED when it succeeded.
 */
export async function retryTask(resources: ServiceResources, id: string): Promise<TaskRow> {
  if (!isId(id)) throw taskNotFound(id);
  const reopened = await reopenTask(resources.sql, id);
  const task = await getTask(resources, id);
  if (!task) throw taskNotFound(id);
  if (!reopened) throw notRetryable(task);
  const history = await readHistory(resources.sql, id, reopened.sequence - 1, 1);
  resources.bus.publish(history?.events ?? []);
  const { name, queue, priority } = task;
  resources.dispatcher.dispatch([{ id, name, run: reopened.run, queue, priority, delayMs: 0 }]);
  return task;
}

function notRetryable({ id, state }: TaskRow) {
  const code = state === 'SUCCESS' ? 'TASK_ALREADY_FINISHED' : 'TASK_NOT_FINISHED';
  return userError(code, `expected a task in state FAILURE or REVOKED, but task ${id} is in state ${state}`, ['id']);
}
