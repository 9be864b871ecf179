import type { TaskRow } from '../../db/entities/task.ts';
import { getTask } from '../../operations/get-task.ts';
import { listAttempts } from '../../operations/list-attempts.ts';
import { listEvents } from '../../operations/list-events.ts';
import { listSteps } from '../../operations/list-steps.ts';
import { listTasks } from '../../operations/list-tasks.ts';
import type { TaskCatalog } from '../../tasks/catalog.ts';
import type { Builder } from '../builder.ts';
import { toConnection } from '../connection.ts';
import { withoutNulls } from '../without-nulls.ts';
import { taskTypeName } from '../graphql-names.ts';
import { addTaskAttempt } from './task-attempt.ts';

const UNKNOWN_TASK = 'UnknownTask';

/** Adds Task, the type of tasks without a contract, and the queries `task` and `tasks`; answers the type of pages of tasks. */
export function addTask(builder: Builder, catalog: TaskCatalog) {
  addInterface(builder, ({ name }) => (catalog.find(name) ? taskTypeName(name) : UNKNOWN_TASK));
  builder.objectType(builder.objectRef<TaskRow>(UNKNOWN_TASK), {
    description: 'A task of a kind that this deployment does not know (any more): its history can still be read.',
    interfaces: ['Task'],
  });
  addFilter(builder);
  const taskConnection = builder.connectionObject(
    { type: 'Task', name: 'TaskConnection', description: 'A page of tasks.' },
    { name: 'TaskEdge', description: 'A task and its cursor.' },
  );
  addQueries(builder, taskConnection);
  return taskConnection;
}

/** The type of pages of tasks. */
export type TaskConnection = ReturnType<typeof addTask>;

function addInterface(builder: Builder, resolveType: (task: TaskRow) => string): void {
  const { attempt, step } = addTaskAttempt(builder);
  const eventConnection = builder.connectionObject(
    { type: 'TaskEvent', name: 'TaskEventConnection', description: 'A page of the events of a task, oldest first.' },
    { name: 'TaskEventEdge', description: 'An event and its cursor.' },
  );
  builder.interfaceType('Task', {
    description: 'A piece of work: what was asked for, how far it is, and what came of it.',
    resolveType,
    fields: (t) => ({
      id: t.exposeID('id', { description: 'A UUIDv7, the same in GraphQL, PostgreSQL, BullMQ and the logs.' }),
      name: t.exposeString('name', { description: 'What kind of task it is, e.g. "send-welcome-email".' }),
      queue: t.exposeString('queue', { description: 'The queue that workers take it from.' }),
      state: t.expose('state', { type: 'TaskState', description: 'Where it is in its life.' }),
      priority: t.exposeInt('priority', { description: '0 runs first, 9 last.' }),
      input: t.expose('input', { type: 'JSON', description: 'The payload that it was enqueued with.' }),
      result: t.expose('result', { type: 'JSON', nullable: true, description: 'What came of it; null until SUCCESS.' }),
      error: t.expose('error', {
        type: 'TaskError',
        nullable: true,
        description: 'How its newest failed attempt failed; null when none did, and after SUCCESS.',
      }),
      progress: t.expose('progress', {
        type: 'TaskProgress',
        nullable: true,
        description: 'Its newest progress report.',
      }),
      attempt: t.exposeInt('attempt', { description: 'The number of its newest attempt; 0 before the first.' }),
      maxAttempts: t.exposeInt('maxAttempts', { description: 'How many attempts it may have that fail.' }),
      tags: t.exposeStringList('tags', { description: 'The labels that it was enqueued with.' }),
      sequence: t.exposeInt('sequence', { description: 'The sequence of its newest event.' }),
      createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was enqueued.' }),
      runAt: t.expose('runAt', {
        type: 'DateTime',
        nullable: true,
        description: 'It does not start before; null: at once.',
      }),
      startedAt: t.expose('startedAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When its first attempt started.',
      }),
      finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it reached its end.' }),
      expiresAt: t.expose('expiresAt', {
        type: 'DateTime',
        nullable: true,
        description: 'Not started by then, it is REVOKED with the code EXPIRED.',
      }),
      attempts: t.field({
        type: [attempt],
        description: 'Every execution of its code, oldest first.',
        resolve: (task, _args, { resources }) => listAttempts(resources, task),
      }),
      steps: t.field({
        type: [step],
        description: 'What it has done and will not do again, oldest first; at most 1,000.',
        resolve: (task, _args, { resources }) => listSteps(resources, task.id),
      }),
      workflow: t.field({
        type: 'Workflow',
        nullable: true,
        description: 'The workflow that it is a step of.',
        resolve: ({ workflowId }, _args, { loadWorkflow }) => (workflowId ? loadWorkflow(workflowId) : null),
      }),
      workflowStepKey: t.id({
        nullable: true,
        description: 'The key of that step.',
        resolve: ({ workflowId, workflowStep: position }, _args, { loadStepKey }) =>
          workflowId && position != null ? loadStepKey({ workflowId, position }) : null,
      }),
      events: t.field({
        type: eventConnection,
        description: 'Its history, oldest first; a cursor is the sequence of an event.',
        args: {
          first: t.arg.int({ description: 'At most so many events, 0 to 100; default 20.' }),
          after: t.arg.string({ description: 'Only events after this cursor.' }),
        },
        resolve: async (task, args, { resources }) =>
          toConnection(await listEvents(resources, { taskId: task.id, ...args }), (event) => String(event.sequence)),
      }),
    }),
  });
}

function addFilter(builder: Builder): void {
  builder.inputType('TaskFilter', {
    description: 'What a list of tasks is narrowed to: tasks that fit everything that is given.',
    fields: (t) => ({
      states: t.field({ type: ['TaskState'], description: 'In one of these states.' }),
      names: t.stringList({ description: 'Of one of these kinds.' }),
      queues: t.stringList({ description: 'In one of these queues.' }),
      tags: t.stringList({ description: 'With all of these tags.' }),
      createdAfter: t.field({ type: 'DateTime', description: 'Enqueued then or later.' }),
      createdBefore: t.field({ type: 'DateTime', description: 'Enqueued earlier.' }),
      search: t.string({
        description: 'With this text in name, input or error, or at the beginning of the id; at least 3 characters.',
      }),
    }),
  });
}

function addQueries(builder: Builder, taskConnection: TaskConnection): void {
  builder.queryFields((t) => ({
    task: t.field({
      type: 'Task',
      nullable: true,
      description: 'A task; null for an unknown id.',
      args: { id: t.arg.id({ required: true, description: 'The id of the task.' }) },
      resolve: (_root, { id }, { resources }) => getTask(resources, id),
    }),
    tasks: t.connection(
      {
        type: 'Task',
        description: 'Tasks, newest first; a cursor is the id of a task.',
        args: {
          filter: t.arg({ type: 'TaskFilter', description: 'What the list is narrowed to; all tasks when left out.' }),
        },
        resolve: async (_root, { filter, ...page }, { resources }) =>
          toConnection(await listTasks(resources, { ...page, filter: withoutNulls(filter ?? {}) }), ({ id }) => id),
      },
      taskConnection,
    ),
  }));
}
