import type { NewTask } from '../db/statements/insert-tasks.ts';
import { prepareTask, SCHEDULE_TAG_PREFIX } from './enqueue-task.ts';
import type { EnqueueResources } from './resources.ts';

/** The tag of all runs of a schedule, and of no other task. */
export function tagOf(key: string): string {
  return `${SCHEDULE_TAG_PREFIX}${key}`;
}

/** Whose the runs of a schedule are, so that their idempotency keys clash with nobody else's. */
export function ownerOf(key: string): string {
  return `schedule:${key}`;
}

/**
 * Makes the task of a fire, or one out of turn when `fire` is null. The fire's time is its idempotency key.
 *
 * Throws a `UserInputError` with UNKNOWN_TASK or PAYLOAD_INVALID: the contract may have changed since the schedule was made.
 */
export function prepareRun(
  resources: EnqueueResources,
  { key, task, payload }: { key: string; task: string; payload: unknown },
  fire: Date | null,
): NewTask {
  const options = { idempotencyKey: fire?.toISOString() };
  return { ...prepareTask(resources, { name: task, payload, owner: ownerOf(key), options }), tags: [tagOf(key)] };
}
