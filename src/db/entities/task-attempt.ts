import { defineEntity, p } from '@mikro-orm/core';
import type { TaskError } from '../../core/task-event.ts';

/** An attempt that is over and was not the last: the current one is in the task's row. */
export const TaskAttempt = defineEntity({
  name: 'TaskAttempt',
  tableName: 'task_attempt',
  properties: {
    taskId: p.uuid().primary(),
    number: p.integer().primary(),
    startedAt: p.datetime(3),
    finishedAt: p.datetime(3),
    worker: p.text().nullable(),
    error: p.json<TaskError>().nullable(),
  },
});
