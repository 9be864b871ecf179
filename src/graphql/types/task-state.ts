import { TASK_STATES, type TaskState } from '../../core/task-state.ts';
import type { Builder } from '../builder.ts';
import { enumValues } from '../enum-values.ts';

const DESCRIPTIONS: Record<TaskState, string> = {
  PENDING: 'It waits for a worker, or for its time.',
  STARTED: 'A worker runs it and has not heard of progress yet.',
  PROGRESS: 'A worker runs it and it has reported progress.',
  RETRY: 'An attempt failed and another one follows.',
  SUCCESS: 'It has its result.',
  FAILURE: 'Its last attempt failed.',
  REVOKED: 'It was cancelled.',
};

/** Adds TaskState. */
export function addTaskState(builder: Builder): void {
  builder.enumType('TaskState', {
    description: 'Where a task is in its life. SUCCESS, FAILURE and REVOKED are its end.',
    values: enumValues(TASK_STATES, DESCRIPTIONS),
  });
}
