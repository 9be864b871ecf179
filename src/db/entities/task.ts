import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { TaskProgress } from '../../core/progress.ts';
import type { TaskError } from '../../core/task-event.ts';
import type { TaskState } from '../../core/task-state.ts';

/**
 * All that is known of a task. The facts of its life (ENQUEUED, the current attempt's STARTED, the terminal event) live in
 * this row alone; `task_event` holds what does not fit here. No column that changes while a task runs has an index, so
 * that these updates stay HOT.
 */
export const Task = defineEntity({
  name: 'Task',
  tableName: 'task',
  properties: {
    id: p.uuid().primary(),
    name: p.text(),
    queue: p.text(),
    state: p.text().$type<TaskState>(),
    priority: p.smallint(),
    input: p.json<unknown>(),
    result: p.json<unknown>().nullable(),
    error: p.json<TaskError>().nullable(),
    progress: p.json<TaskProgress>().nullable(),
    /** 1, and one more each time that the task needs another job: when it is run again by hand, or was parked. */
    run: p.integer(),
    /** Of its newest attempt, counted over all runs. */
    attempt: p.integer(),
    /** Attempts of this run that failed and count against `maxAttempts`. */
    failures: p.integer(),
    /** Attempts of this run that ended because their worker was lost; they don't count. */
    losses: p.integer(),
    maxAttempts: p.integer(),
    /** Whether its caller said so. */
    attemptsAsked: p.boolean(),
    tags: p.array<string>(),
    /** Whose task it is; empty without authentication. Idempotency keys are unique within an owner. */
    owner: p.text(),
    idempotencyKey: p.text().nullable(),
    /** Of its newest event. */
    sequence: p.integer(),
    /** Of the STARTED event of the current attempt. */
    startedSequence: p.integer().nullable(),
    /** The id of the worker of the current attempt. */
    worker: p.text().nullable(),
    createdAt: p.datetime(3),
    /** Not before this time; null means at once. */
    runAt: p.datetime(3).nullable(),
    /** Of the first attempt. */
    startedAt: p.datetime(3).nullable(),
    attemptStartedAt: p.datetime(3).nullable(),
    finishedAt: p.datetime(3).nullable(),
    /** Not started by then: REVOKED with EXPIRED. */
    expiresAt: p.datetime(3).nullable(),
    /** When somebody wished a running task to end. */
    cancelRequestedAt: p.datetime(3).nullable(),
    cancelReason: p.text().nullable(),
    /** Whether the grace is skipped. */
    cancelForce: p.boolean(),
    /** The workflow that it is a step of. */
    workflowId: p.uuid().nullable(),
    /** The position of that step. */
    workflowStep: p.integer().nullable(),
  },
});

export type TaskRow = InferEntity<typeof Task>;
