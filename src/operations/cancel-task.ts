import { userError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { TaskRow } from '../db/entities/task.ts';
import { requestCancel, revokeWaiting } from '../db/statements/end-task.ts';
import { readHistory } from '../db/statements/read-history.ts';
import { getTask } from './get-task.ts';
import type { ServiceResources } from './resources.ts';

/**
 * Ends a task: at once when it waits, whether or not Redis or a worker is there; when it runs, its worker is told and
 * aborts its signal. Answers the task as it is then.
 *
 * Throws a `UserInputError` with TASK_NOT_FOUND or TASK_ALREADY_FINISHED.
 */
export async function cancelTask(resources: ServiceResources, id: string, reason: string | null): Promise<TaskRow> {
  const { sql, bus, queues } = resources;
  if (!isId(id)) throw taskNotFound(id);
  const revoked = await revokeWaiting(sql, id, reason);
  const asked = !revoked && (await requestCancel(sql, id, reason));
  const task = await getTask(resources, id);
  if (!task) throw taskNotFound(id);
  if (revoked) {
    const history = await readHistory(sql, id, task.sequence - 1, 1);
    bus.publish(history?.events ?? []);
    await queues.remove(task.queue, id);
  } else if (asked) {
    bus.publishCancel({ taskId: id, reason });
  } else {
    throw userError('TASK_ALREADY_FINISHED', `task ${id} is already in state ${task.state}`, ['id']);
  }
  return task;
}

/** The user error for an id that no task has. */
export function taskNotFound(id: string) {
  return userError('TASK_NOT_FOUND', `there is no task with the id ${JSON.stringify(id)}`, ['id']);
}
