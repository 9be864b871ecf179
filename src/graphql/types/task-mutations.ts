import { UserInputError } from '../../core/errors.ts';
import { cancelTask } from '../../operations/cancel-task.ts';
import { enqueueTask } from '../../operations/enqueue-task.ts';
import { enqueueTasks } from '../../operations/enqueue-tasks.ts';
import { retryTask } from '../../operations/retry-task.ts';
import type { Builder } from '../builder.ts';
import { NOT_ENQUEUED, taskOf } from '../enqueued.ts';
import { withUserErrors } from '../errors.ts';

/** Adds `enqueueTask`, `enqueueTasks`, `cancelTask` and `retryTask`. */
export function addTaskMutations(builder: Builder): void {
  addOptions(builder);
  addPayloads(builder);
  addEnqueue(builder);
  addCancelAndRetry(builder);
}

function addOptions(builder: Builder): void {
  builder.inputType('EnqueueOptions', {
    description: 'How a task is to be run, where that differs from its definition.',
    fields: (t) => ({
      idempotencyKey: t.string({
        description: 'The same key gives the same task, however often it is sent; 1 to 200 characters.',
      }),
      queue: t.string({ description: 'The queue, in kebab-case.' }),
      priority: t.int({ description: '0 runs first, 9 last.' }),
      delaySeconds: t.float({
        description: 'It does not start before so many seconds from now; not together with runAt.',
      }),
      runAt: t.field({ type: 'DateTime', description: 'It does not start before; not together with delaySeconds.' }),
      expiresAt: t.field({
        type: 'DateTime',
        description: 'Not started by then, it is REVOKED with the code EXPIRED; in the future.',
      }),
      tags: t.stringList({
        description:
          'Labels to find it by; at most 20 of 1 to 100 characters. Only runs of schedules have those that begin with "schedule:".',
      }),
      maxAttempts: t.int({ description: 'How many attempts it may have that fail, 1 to 100.' }),
    }),
  });
}

function addPayloads(builder: Builder): void {
  builder.objectType('EnqueueTaskPayload', {
    description: 'The enqueued task, or why there is none.',
    fields: (t) => ({
      task: t.expose('task', { type: 'Task', nullable: true, description: 'The task.' }),
      duplicate: t.exposeBoolean('duplicate', {
        description: 'Whether an earlier call with the same idempotency key made it.',
      }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'What is wrong with the input.' }),
    }),
  });
  builder.objectType('TaskPayload', {
    description: 'The changed task, or why it was not changed.',
    fields: (t) => ({
      task: t.expose('task', { type: 'Task', nullable: true, description: 'The task as it is now.' }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'Why it was not changed.' }),
    }),
  });
}

function addEnqueue(builder: Builder): void {
  const enqueueTaskInput = builder.inputType('EnqueueTaskInput', {
    description: 'A task by name.',
    fields: (t) => ({
      name: t.string({ required: true, description: 'The name of a task definition, e.g. "send-welcome-email".' }),
      payload: t.field({ type: 'JSON', required: true, description: 'What the definition’s inputSchema describes.' }),
      options: t.field({ type: 'EnqueueOptions', description: 'How it is to be run.' }),
    }),
  });
  builder.mutationFields((t) => ({
    enqueueTask: t.field({
      type: 'EnqueueTaskPayload',
      description:
        'Enqueues a task by name; it is accepted, and not lost any more, when this answers. User errors: UNKNOWN_TASK, PAYLOAD_INVALID, OPTIONS_INVALID, IDEMPOTENCY_KEY_REUSED.',
      args: { input: t.arg({ type: enqueueTaskInput, required: true, description: 'The task.' }) },
      resolve: (_root, { input }, { resources, owner }) =>
        withUserErrors(NOT_ENQUEUED, async () => taskOf(resources, await enqueueTask(resources, { ...input, owner }))),
    }),
    enqueueTasks: t.field({
      type: ['EnqueueTaskPayload'],
      description:
        'Enqueues at most 1000 tasks, the valid ones in one transaction, and answers for each in their order. More is the error BAD_USER_INPUT.',
      args: { inputs: t.arg({ type: [enqueueTaskInput], required: true, description: 'The tasks.' }) },
      resolve: async (_root, { inputs }, { resources, owner }) => {
        const outcomes = await enqueueTasks(
          resources,
          inputs.map((input) => ({ ...input, owner })),
        );
        return Promise.all(
          outcomes.map((outcome) =>
            withUserErrors(NOT_ENQUEUED, async () => {
              if (outcome instanceof UserInputError) throw outcome;
              return taskOf(resources, outcome);
            }),
          ),
        );
      },
    }),
  }));
}

function addCancelAndRetry(builder: Builder): void {
  builder.mutationFields((t) => ({
    cancelTask: t.field({
      type: 'TaskPayload',
      description:
        'Ends a task: one that waits at once, one that runs as soon as its worker hears of it. User errors: TASK_NOT_FOUND, TASK_ALREADY_FINISHED.',
      args: {
        id: t.arg.id({ required: true, description: 'The id of the task.' }),
        reason: t.arg.string({ description: 'Why; it is kept with the task.' }),
        force: t.arg.boolean({ description: 'Not to wait for a task that does not end by itself.' }),
      },
      resolve: (_root, { id, reason, force }, { resources }) =>
        withUserErrors({ task: null }, async () => ({
          task: await cancelTask(resources, { id, reason, force: force ?? false }),
        })),
    }),
    retryTask: t.field({
      type: 'TaskPayload',
      description:
        'Runs a task in FAILURE or REVOKED again, under the same id. User errors: TASK_NOT_FOUND, TASK_NOT_FINISHED, TASK_ALREADY_FINISHED, and TASK_IN_WORKFLOW for a step, which is run again with its workflow.',
      args: { id: t.arg.id({ required: true, description: 'The id of the task.' }) },
      resolve: (_root, { id }, { resources }) =>
        withUserErrors({ task: null }, async () => ({ task: await retryTask(resources, id) })),
    }),
  }));
}
