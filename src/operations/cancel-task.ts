import { userError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import { toReason } from '../core/reason.ts';
import { isTerminal } from '../core/task-state.ts';
import type { TaskRow } from '../db/entities/task.ts';
import { requestCancel } from '../db/statements/end-task.ts';
import { getTask } from './get-task.ts';
import type { ServiceResources } from './resources.ts';
import { revokeWaitingTask } from './revoke-waiting-task.ts';

export interface CancelTaskInput {
  id: string;
  reason?: string | null | undefined;
  /** Skips the grace of a running task. */
  force?: boolean | undefined;
}
/** What cancelling needs: the API and every worker have it. */
export type CancelResources = Pick<ServiceResources, 'sql' | 'catalog' | 'dispatcher' | 'orm' | 'bus' | 'queues'>;

/**
 * Ends a task: at once when it waits, whether or not Redis or a worker is there; when it runs, its worker is told and
 * aborts its signal. Answers the task as it is then. The workflow that it is a step of takes it for a failure of that step.
 * Of the reason the first 1,000 characters are kept.
 *
 * Throws a `UserInputError` with TASK_NOT_FOUND or TASK_ALREADY_FINISHED.
 */
export async function cancelTask(
  resources: CancelResources,
  { id, reason = null, force = false }: CancelTaskInput,
): Promise<TaskRow> {
  if (!isId(id)) throw taskNotFound(id);
  const why = reason === null ? null : toReason(reason);
  const task = await requireTask(resources, id);
  for (;;) {
    if (await revokeWaitingTask(resources, task, why)) return requireTask(resources, id);
    if ((await requestCancel(resources.sql, [id], why, force)).length > 0) {
      resources.bus.publishCancel({ taskId: id, reason: why, force });
      return requireTask(resources, id);
    }
    const { state } = await requireTask(resources, id);
    if (isTerminal(state)) throw userError('TASK_ALREADY_FINISHED', `task ${id} is already in state ${state}`, ['id']);
    // Between the two statements it began or went on waiting: ask again.
  }
}

async function requireTask(resources: CancelResources, id: string): Promise<TaskRow> {
  const task = await getTask(resources, id);
  if (!task) throw taskNotFound(id);
  return task;
}

/** The user error for an id that no task has. */
export function taskNotFound(id: string) {
  return userError('TASK_NOT_FOUND', `there is no task with the id ${JSON.stringify(id)}`, ['id']);
}
