import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { InputProblem } from '../../core/errors.ts';
import type { CatchUpPolicy, OverlapPolicy } from '../../core/schedule.ts';

/** What is to be enqueued again and again. It is written by statements only. */
export const Schedule = defineEntity({
  name: 'Schedule',
  tableName: 'schedule',
  properties: {
    key: p.text().primary(),
    /** The name of the task. */
    task: p.text(),
    payload: p.json<unknown>(),
    /** Null when it fires every so many seconds. */
    cron: p.text().nullable(),
    everySeconds: p.float().nullable(),
    timeZone: p.text(),
    overlap: p.text().$type<OverlapPolicy>(),
    catchUp: p.text().$type<CatchUpPolicy>(),
    catchUpLimit: p.integer(),
    /** False while it is paused. */
    enabled: p.boolean(),
    /** Whether it comes from `src/tasks/schedules.ts`. */
    declared: p.boolean(),
    /** Why its newest fire became no task; null when it did. */
    problem: p.json<InputProblem>().nullable(),
    /** The newest fire that was decided, or when it was made, changed or resumed. */
    cursorAt: p.datetime(3),
    /** The first fire after that; null while it is paused. */
    nextRunAt: p.datetime(3).nullable(),
    /** When it last enqueued a task. */
    lastRunAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
  },
});

export type ScheduleRow = InferEntity<typeof Schedule>;
