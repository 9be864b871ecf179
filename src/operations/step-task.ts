import type { StepDetails, StepRecord } from '../core/advance-workflow.ts';
import { newId, timeOfId } from '../core/ids.ts';
import type { NewTask } from '../db/statements/insert-tasks.ts';

/** Makes the task of a step that may start. A delay counts from now. */
export function stepTask(
  { workflowId, position, task: name }: Pick<StepRecord, 'workflowId' | 'position' | 'task'>,
  { payload: input, options }: Pick<StepDetails, 'payload' | 'options'>,
  owner: string,
): NewTask {
  const { queue, priority, maxAttempts, attemptsAsked, tags, delaySeconds, runAt, expiresAt } = options;
  const id = newId();
  const createdAt = new Date(timeOfId(id));
  return {
    id,
    name,
    queue,
    priority,
    input,
    maxAttempts,
    attemptsAsked,
    tags,
    owner,
    idempotencyKey: null,
    createdAt,
    runAt: delaySeconds === null ? dateOf(runAt) : new Date(createdAt.getTime() + delaySeconds * 1000),
    expiresAt: dateOf(expiresAt),
    workflowId,
    workflowStep: position,
  };
}

function dateOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
