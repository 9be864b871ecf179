import { defineEntity, p } from '@mikro-orm/core';
import type { TaskProgress } from '../../core/progress.ts';
import type { TaskError, TaskEventType } from '../../core/task-event.ts';
import type { TaskState } from '../../core/task-state.ts';

/** The events of a task that its row does not hold: progress, log lines, and the lifecycle of attempts that are over. */
export const TaskEventEntity = defineEntity({
  name: 'TaskEvent',
  tableName: 'task_event',
  properties: {
    taskId: p.uuid().primary(),
    sequence: p.integer().primary(),
    type: p.text().$type<TaskEventType>(),
    at: p.datetime(3),
    state: p.text().$type<TaskState>(),
    attempt: p.integer(),
    progress: p.json<TaskProgress>().nullable(),
    message: p.text().nullable(),
    result: p.json<unknown>().nullable(),
    error: p.json<TaskError>().nullable(),
  },
});
