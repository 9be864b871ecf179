import type { TaskEvent } from '../src/core/task-event.ts';
import type { SettledTask } from '../src/db/statements/settle-attempts.ts';
import type { WorkerResources } from './worker-resources.ts';

/** Publishes the event that the end of an attempt is. `result` is that of a SUCCESS. */
export function publishSettled({ bus }: Pick<WorkerResources, 'bus'>, task: SettledTask, result: unknown = null): void {
  const { id: taskId, sequence, state, attempt, error, cancelReason, at } = task;
  const event: TaskEvent = { taskId, sequence, type: state, at, state, attempt };
  if (state === 'SUCCESS') bus.publish([{ ...event, result }]);
  else bus.publish([{ ...event, error, ...(state === 'REVOKED' && { message: cancelReason }) }]);
}
