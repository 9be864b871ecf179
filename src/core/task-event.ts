import type { TaskProgress } from './progress.ts';
import type { TaskState } from './task-state.ts';

/**
 * What can happen to a task. SNAPSHOT is not stored: it is the first thing that a new subscriber gets, and stands for all
 * that happened before.
 */
export const TASK_EVENT_TYPES = [
  'SNAPSHOT',
  'ENQUEUED',
  'STARTED',
  'PROGRESS',
  'LOG',
  'RETRY',
  'SUCCESS',
  'FAILURE',
  'REVOKED',
] as const;

export type TaskEventType = (typeof TASK_EVENT_TYPES)[number];

/** How an attempt or a task went wrong, as it is stored and shown. */
export interface TaskError {
  /** SCREAMING_SNAKE, e.g. `USER_NOT_FOUND`. */
  code: string;
  message: string;
  /** Whether another attempt could end differently. */
  retryable: boolean;
}

/**
 * One event of one task. `sequence` counts 1, 2, 3 … within the task, without a hole; the last event of a task that ended
 * is its one terminal event. It is plain JSON, the same in Postgres, on the wire of Redis and in GraphQL.
 */
export interface TaskEvent {
  taskId: string;
  sequence: number;
  type: TaskEventType;
  /** ISO 8601, UTC, milliseconds. */
  at: string;
  state: TaskState;
  attempt: number;
  progress?: TaskProgress | null;
  /** The text of a log line, or why a task was cancelled. */
  message?: string | null;
  result?: unknown;
  error?: TaskError | null;
}
