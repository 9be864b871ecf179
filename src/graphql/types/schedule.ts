import {
  CATCH_UP_POLICIES,
  type CatchUpPolicy,
  OVERLAP_POLICIES,
  type OverlapPolicy,
  SCHEDULE_DEFAULTS,
} from '../../core/schedule.ts';
import { deleteSchedule } from '../../operations/delete-schedule.ts';
import { getSchedule, listSchedules, nextRuns } from '../../operations/get-schedule.ts';
import { listTasks } from '../../operations/list-tasks.ts';
import { pauseSchedule, resumeSchedule } from '../../operations/pause-schedule.ts';
import { tagOf } from '../../operations/schedule-runs.ts';
import { triggerSchedule } from '../../operations/trigger-schedule.ts';
import { upsertSchedule } from '../../operations/upsert-schedule.ts';
import type { Builder } from '../builder.ts';
import { toConnection } from '../connection.ts';
import { enumValues } from '../enum-values.ts';
import { withUserErrors } from '../errors.ts';
import type { TaskConnection } from './task.ts';

const OVERLAP_DESCRIPTIONS: Record<OverlapPolicy, string> = {
  ALLOW: 'Every fire becomes a task, whatever still runs.',
  SKIP: 'A fire is dropped when an earlier run has not ended.',
  CANCEL_PREVIOUS: 'Earlier runs are cancelled, and the newest fire becomes a task when they have ended.',
  QUEUE: 'One run after the other; of those that wait the first 100 are kept.',
};

const CATCH_UP_DESCRIPTIONS: Record<CatchUpPolicy, string> = {
  NONE: 'What was missed is dropped.',
  LAST: 'The newest missed fire is made up for, unless one is on time.',
  ALL: 'The newest missed fires are made up for, at most catchUpLimit.',
};

const { timeZone, overlap, catchUp, catchUpLimit } = SCHEDULE_DEFAULTS;

/** Adds Schedule with its enums, the queries `schedule` and `schedules`, and the mutations on schedules. */
export function addSchedule(builder: Builder, taskConnection: TaskConnection): void {
  builder.enumType('OverlapPolicy', {
    description: 'What becomes of a fire of a schedule while an earlier run of it has not ended.',
    values: enumValues(OVERLAP_POLICIES, OVERLAP_DESCRIPTIONS),
  });
  builder.enumType('CatchUpPolicy', {
    description:
      'What becomes of fires that nobody was there for. A fire is on time up to half of the time to the next one, 2 s at least and 60 s at most; past that it was missed.',
    values: enumValues(CATCH_UP_POLICIES, CATCH_UP_DESCRIPTIONS),
  });
  addObject(builder, taskConnection);
  addQueries(builder);
  addPayload(builder);
  addUpsert(builder);
  addMutationsByKey(builder);
}

function addObject(builder: Builder, taskConnection: TaskConnection): void {
  builder.objectType('Schedule', {
    description: 'Enqueues a task again and again.',
    fields: (t) => ({
      key: t.exposeString('key', { description: 'Its name; its tasks have the tag "schedule:<key>".' }),
      task: t.exposeString('task', { description: 'The name of the task definition.' }),
      payload: t.expose('payload', { type: 'JSON', description: 'What every run is given.' }),
      cron: t.exposeString('cron', {
        nullable: true,
        description: 'When it fires, as a cron expression; null with everySeconds.',
      }),
      everySeconds: t.exposeFloat('everySeconds', {
        nullable: true,
        description: 'It fires at the multiples of so many seconds since 1970 (UTC); null with cron.',
      }),
      timeZone: t.exposeString('timeZone', { description: 'The IANA time zone that cron is read in.' }),
      overlap: t.expose('overlap', {
        type: 'OverlapPolicy',
        description: 'What becomes of a fire while an earlier run has not ended.',
      }),
      catchUp: t.expose('catchUp', {
        type: 'CatchUpPolicy',
        description: 'What becomes of fires that nobody was there for.',
      }),
      catchUpLimit: t.exposeInt('catchUpLimit', { description: 'How many fires catchUp: ALL makes up for at most.' }),
      enabled: t.exposeBoolean('enabled', { description: 'False while it is paused.' }),
      declared: t.exposeBoolean('declared', {
        description: 'Whether it is declared in the code: then it changes with a deployment only.',
      }),
      problem: t.expose('problem', {
        type: 'UserError',
        nullable: true,
        description:
          'Why its newest fire became no task, e.g. as the task’s definition does not take the payload any more; null when it did.',
      }),
      nextRunAt: t.expose('nextRunAt', {
        type: 'DateTime',
        nullable: true,
        description: 'Its next fire; null while it is paused. One in the past is about to be decided.',
      }),
      lastRunAt: t.expose('lastRunAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When it last enqueued a task; null before the first.',
      }),
      createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
      updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last changed.' }),
      nextRuns: t.field({
        type: ['DateTime'],
        description: 'Its next fires; none while it is paused.',
        args: { first: t.arg.int({ description: 'How many, 0 to 100; default 5.' }) },
        resolve: (schedule, { first }) => nextRuns(schedule, first),
      }),
      tasks: t.field({
        type: taskConnection,
        description: 'Its runs, newest first, also those that were triggered; a cursor is the id of a task.',
        args: {
          first: t.arg.int({ description: 'At most so many tasks, 0 to 100; default 20.' }),
          after: t.arg.string({ description: 'Only tasks after this cursor.' }),
        },
        resolve: async ({ key }, page, { resources }) =>
          toConnection(await listTasks(resources, { ...page, filter: { tags: [tagOf(key)] } }), ({ id }) => id),
      }),
    }),
  });
}

function addQueries(builder: Builder): void {
  builder.queryFields((t) => ({
    schedule: t.field({
      type: 'Schedule',
      nullable: true,
      description: 'A schedule; null for an unknown key.',
      args: { key: t.arg.string({ required: true, description: 'The key of the schedule.' }) },
      resolve: (_root, { key }, { resources }) => getSchedule(resources, key),
    }),
    schedules: t.field({
      type: ['Schedule'],
      description: 'All schedules, by key.',
      resolve: (_root, _args, { resources }) => listSchedules(resources),
    }),
  }));
}

function addPayload(builder: Builder): void {
  builder.objectType('SchedulePayload', {
    description: 'The schedule, or why it was not changed.',
    fields: (t) => ({
      schedule: t.expose('schedule', {
        type: 'Schedule',
        nullable: true,
        description: 'The schedule as it is now; a deleted one as it was.',
      }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'Why it was not changed.' }),
    }),
  });
}

function addUpsert(builder: Builder): void {
  builder.inputType('UpsertScheduleInput', {
    description: 'A schedule as it is to be, with either cron or everySeconds. What is left out gets its default.',
    fields: (t) => ({
      key: t.string({
        required: true,
        description: 'Its name: 1 to 80 letters, digits, _, . and -, the first a letter or digit.',
      }),
      task: t.string({ required: true, description: 'The name of a task definition, e.g. "generate-report".' }),
      payload: t.field({ type: 'JSON', description: 'What every run is given; {} when left out.' }),
      cron: t.string({
        description:
          'Minute, hour, day of month, month and day of week, with the second before them if wished, e.g. "30 2 * * MON-FRI"; or @hourly, @daily, @weekly, @monthly, @yearly.',
      }),
      everySeconds: t.float({ description: 'It fires at the multiples of so many seconds since 1970; at least 1.' }),
      timeZone: t.string({ description: `The IANA time zone that cron is read in; ${timeZone} when left out.` }),
      overlap: t.field({
        type: 'OverlapPolicy',
        description: `What becomes of a fire while an earlier run has not ended; ${overlap} when left out.`,
      }),
      catchUp: t.field({
        type: 'CatchUpPolicy',
        description: `What becomes of fires that nobody was there for; ${catchUp} when left out.`,
      }),
      catchUpLimit: t.int({
        description: `How many fires catchUp: ALL makes up for at most, 1 to 1000; ${catchUpLimit} when left out.`,
      }),
      enabled: t.boolean({ description: 'False pauses it. Left out, it stays as it is; a new one is enabled.' }),
    }),
  });
  builder.mutationField('upsertSchedule', (t) =>
    t.field({
      type: 'SchedulePayload',
      description:
        'Makes a schedule or writes all of it anew; a new timing begins now. User errors: SCHEDULE_INVALID, CRON_INVALID, TIME_ZONE_INVALID, UNKNOWN_TASK, PAYLOAD_INVALID, SCHEDULE_DECLARED.',
      args: { input: t.arg({ type: 'UpsertScheduleInput', required: true, description: 'The schedule.' }) },
      resolve: (_root, { input }, { resources }) =>
        withUserErrors({ schedule: null }, async () => ({ schedule: await upsertSchedule(resources, input) })),
    }),
  );
}

function addMutationsByKey(builder: Builder): void {
  builder.mutationFields((t) => {
    const args = { key: t.arg.string({ required: true, description: 'The key of the schedule.' }) };
    return {
      deleteSchedule: t.field({
        type: 'SchedulePayload',
        description: 'Deletes a schedule; its tasks stay. User errors: SCHEDULE_NOT_FOUND, SCHEDULE_DECLARED.',
        args,
        resolve: (_root, { key }, { resources }) =>
          withUserErrors({ schedule: null }, async () => ({ schedule: await deleteSchedule(resources, key) })),
      }),
      pauseSchedule: t.field({
        type: 'SchedulePayload',
        description:
          'Stops a schedule from firing until it is resumed, also over deployments; fires that wait are dropped. User errors: SCHEDULE_NOT_FOUND.',
        args,
        resolve: (_root, { key }, { resources }) =>
          withUserErrors({ schedule: null }, async () => ({ schedule: await pauseSchedule(resources, key) })),
      }),
      resumeSchedule: t.field({
        type: 'SchedulePayload',
        description:
          'Lets a schedule fire again from now on; what fell into the pause is not made up for, whatever catchUp says. User errors: SCHEDULE_NOT_FOUND.',
        args,
        resolve: (_root, { key }, { resources }) =>
          withUserErrors({ schedule: null }, async () => ({ schedule: await resumeSchedule(resources, key) })),
      }),
      triggerSchedule: t.field({
        type: 'TaskPayload',
        description:
          'Enqueues a run now, whatever overlap says and also while it is paused; its fires stay as they are. User errors: SCHEDULE_NOT_FOUND, UNKNOWN_TASK, PAYLOAD_INVALID.',
        args,
        resolve: (_root, { key }, { resources }) =>
          withUserErrors({ task: null }, async () => ({ task: await triggerSchedule(resources, key) })),
      }),
    };
  });
}
