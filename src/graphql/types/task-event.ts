import { TASK_EVENT_TYPES, type TaskEventType } from '../../core/task-event.ts';
import { TaskwireError } from '../../core/errors.ts';
import { watchTask } from '../../operations/watch-task.ts';
import type { Builder } from '../builder.ts';
import { enumValues } from '../enum-values.ts';

const DESCRIPTIONS: Record<TaskEventType, string> = {
  SNAPSHOT: 'The task as it is when a subscription begins; it stands for all that happened before.',
  ENQUEUED: 'It was enqueued, or is to be run again.',
  STARTED: 'An attempt started.',
  PROGRESS: 'It reported progress.',
  LOG: 'It wrote a line to its log.',
  RETRY: 'An attempt failed and another one follows.',
  SUCCESS: 'It ended with a result.',
  FAILURE: 'It ended with an error.',
  REVOKED: 'It was cancelled.',
};

/** Adds TaskEvent, TaskEventType and the subscription `taskEvents`. */
export function addTaskEvent(builder: Builder): void {
  builder.enumType('TaskEventType', {
    description: 'What can happen to a task.',
    values: enumValues(TASK_EVENT_TYPES, DESCRIPTIONS),
  });
  addObject(builder);
  addSubscription(builder);
}

function addObject(builder: Builder): void {
  builder.objectType('TaskEvent', {
    description: 'Something that happened to a task.',
    fields: (t) => ({
      sequence: t.exposeInt('sequence', {
        description:
          'Counts the events of the task: 1, 2, 3 … without a hole. A snapshot has that of the newest event.',
      }),
      type: t.expose('type', { type: 'TaskEventType', description: 'What happened.' }),
      at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
      state: t.expose('state', { type: 'TaskState', description: 'The state of the task after it.' }),
      attempt: t.exposeInt('attempt', { description: 'The number of the attempt; 0 before the first.' }),
      progress: t.expose('progress', { type: 'TaskProgress', nullable: true, description: 'How far the task was.' }),
      message: t.exposeString('message', {
        nullable: true,
        description: 'The text of a log line, or why a task was cancelled.',
      }),
      result: t.expose('result', { type: 'JSON', nullable: true, description: 'The result, on SUCCESS.' }),
      error: t.expose('error', { type: 'TaskError', nullable: true, description: 'The error, on RETRY and FAILURE.' }),
      task: t.field({
        type: 'Task',
        description: 'The task as it is now.',
        resolve: async ({ taskId }, _args, { loadTask }) =>
          (await loadTask(taskId)) ?? Promise.reject(taskGone(taskId)),
      }),
    }),
  });
}

function addSubscription(builder: Builder): void {
  builder.subscriptionField('taskEvents', (t) =>
    t.field({
      type: 'TaskEvent',
      description:
        'What happens to a task, live and without a hole: first a SNAPSHOT, or with `after` every event that came after it; then what follows. Ends after the terminal event. Unknown id: error TASK_NOT_FOUND.',
      args: {
        id: t.arg.id({ required: true, description: 'The id of the task.' }),
        after: t.arg.int({
          description: 'The sequence of the last event that the client has; whoever reconnects gives it.',
        }),
        types: t.arg({
          type: ['TaskEventType'],
          description: 'Leaves the others out; SNAPSHOT and the terminal event always come.',
        }),
      },
      subscribe: (_root, args, { resources }) => watchTask(resources, args),
      resolve: (event) => event,
    }),
  );
}

/** It was deleted after the event happened. */
function taskGone(id: string): TaskwireError {
  return new TaskwireError('TASK_NOT_FOUND', `there is no task with the id ${JSON.stringify(id)} any more`);
}
