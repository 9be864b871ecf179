import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A piece of a task that is done; its value is given back when the task runs again. */
export const TaskStep = defineEntity({
  name: 'TaskStep',
  tableName: 'task_step',
  properties: {
    taskId: p.uuid().primary(),
    key: p.text().primary(),
    attempt: p.integer(),
    at: p.datetime(3),
    value: p.json<unknown>().nullable(),
  },
});

export type TaskStepRow = InferEntity<typeof TaskStep>;
