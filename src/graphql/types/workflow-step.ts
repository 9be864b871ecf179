import type { Builder } from '../builder.ts';

/** Adds WorkflowStep. */
export function addWorkflowStep(builder: Builder): void {
  builder.objectType('WorkflowStep', {
    description: 'A task of a workflow, with what it waits for and what came of it.',
    fields: (t) => ({
      key: t.exposeID('key', { description: 'Its name within the workflow.' }),
      state: t.expose('state', { type: 'StepState', description: 'Where it is in its life.' }),
      dependsOn: t.exposeIDList('dependsOn', {
        description: 'The keys of the steps that it waits for, those of its inputFrom included.',
      }),
      taskName: t.exposeString('taskName', { description: 'What kind of task it is, e.g. "send-welcome-email".' }),
      task: t.field({
        type: 'Task',
        nullable: true,
        description: 'Its newest task; null before it is READY for the first time.',
        resolve: ({ taskId }, _args, { loadTask }) => (taskId === null ? null : loadTask(taskId)),
      }),
      result: t.field({
        type: 'JSON',
        nullable: true,
        description: 'What came of it; null until SUCCESS.',
        resolve: async ({ state, taskId }, _args, { loadTask }) =>
          state === 'SUCCESS' && taskId !== null ? (await loadTask(taskId))?.result : null,
      }),
      error: t.field({
        type: 'TaskError',
        nullable: true,
        description: 'How it failed or was revoked; while it runs, how the newest failed attempt of its task failed.',
        resolve: async ({ state, taskId, error }, _args, { loadTask }) =>
          error ?? (state === 'RUNNING' && taskId !== null ? (await loadTask(taskId))?.error : null),
      }),
      onFailure: t.expose('onFailure', { type: 'OnFailure', description: 'What its failure means to the workflow.' }),
      join: t.expose('join', { type: 'JoinPolicy', description: 'What it waits for.' }),
      joinCount: t.int({
        nullable: true,
        description: 'How many must succeed, with ANY; else null.',
        resolve: ({ join, joinCount }) => (join === 'ANY' ? joinCount : null),
      }),
      weight: t.exposeFloat('weight', { description: 'Its part in the progress of the workflow.' }),
    }),
  });
}
