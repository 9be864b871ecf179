import { getWorkflow } from '../../operations/get-workflow.ts';
import { listWorkflowEvents } from '../../operations/list-events.ts';
import { listWorkflows } from '../../operations/list-workflows.ts';
import type { Builder } from '../builder.ts';
import { toConnection } from '../connection.ts';
import { withoutNulls } from '../without-nulls.ts';

/** Adds Workflow and the queries `workflow` and `workflows`. */
export function addWorkflow(builder: Builder): void {
  addObject(builder);
  addFilter(builder);
  addQueries(builder);
}

function addObject(builder: Builder): void {
  const eventConnection = builder.connectionObject(
    {
      type: 'WorkflowEvent',
      name: 'WorkflowEventConnection',
      description: 'A page of the events of a workflow, oldest first.',
    },
    { name: 'WorkflowEventEdge', description: 'An event and its cursor.' },
  );
  builder.objectType('Workflow', {
    description: 'A graph of tasks: each starts when those that it depends on let it.',
    fields: (t) => ({
      id: t.exposeID('id', { description: 'A UUIDv7, the same in GraphQL, PostgreSQL and the logs.' }),
      name: t.exposeString('name', { description: 'What it was called when it was enqueued.' }),
      state: t.expose('state', { type: 'WorkflowState', description: 'Where it is in its life.' }),
      percent: t.exposeFloat('percent', {
        description:
          '0 to 100, by the weights of its steps: what has ended, and what runs as far as its task says it is; 100 after SUCCESS.',
      }),
      steps: t.field({
        type: ['WorkflowStep'],
        description: 'Its steps, in the order in which they were described.',
        resolve: ({ id }, _args, { loadSteps }) => loadSteps(id),
      }),
      error: t.expose('error', {
        type: 'TaskError',
        nullable: true,
        description: 'That of the first step whose failure was not allowed for; its message names the step.',
      }),
      sequence: t.exposeInt('sequence', { description: 'The sequence of its newest event.' }),
      createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was enqueued.' }),
      finishedAt: t.expose('finishedAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When the last of its steps ended.',
      }),
      cancelReason: t.exposeString('cancelReason', { nullable: true, description: 'Why it was cancelled.' }),
      events: t.field({
        type: eventConnection,
        description: 'Its history, oldest first; a cursor is the sequence of an event.',
        args: {
          first: t.arg.int({ description: 'At most so many events, 0 to 100; default 20.' }),
          after: t.arg.string({ description: 'Only events after this cursor.' }),
        },
        resolve: async ({ id: workflowId }, args, { resources }) =>
          toConnection(await listWorkflowEvents(resources, { workflowId, ...args }), ({ sequence }) =>
            String(sequence),
          ),
      }),
    }),
  });
}

function addFilter(builder: Builder): void {
  builder.inputType('WorkflowFilter', {
    description: 'What a list of workflows is narrowed to: workflows that fit everything that is given.',
    fields: (t) => ({
      states: t.field({ type: ['WorkflowState'], description: 'In one of these states.' }),
      names: t.stringList({ description: 'With one of these names.' }),
      createdAfter: t.field({ type: 'DateTime', description: 'Enqueued then or later.' }),
      createdBefore: t.field({ type: 'DateTime', description: 'Enqueued earlier.' }),
    }),
  });
}

function addQueries(builder: Builder): void {
  builder.queryFields((t) => ({
    workflow: t.field({
      type: 'Workflow',
      nullable: true,
      description: 'A workflow; null for an unknown id.',
      args: { id: t.arg.id({ required: true, description: 'The id of the workflow.' }) },
      resolve: (_root, { id }, { resources }) => getWorkflow(resources, id),
    }),
    workflows: t.connection(
      {
        type: 'Workflow',
        description: 'Workflows, newest first; a cursor is the id of a workflow.',
        args: {
          filter: t.arg({
            type: 'WorkflowFilter',
            description: 'What the list is narrowed to; all workflows when left out.',
          }),
        },
        resolve: async (_root, { filter, ...page }, { resources }) =>
          toConnection(await listWorkflows(resources, { ...page, filter: withoutNulls(filter ?? {}) }), ({ id }) => id),
      },
      { name: 'WorkflowConnection', description: 'A page of workflows.' },
      { name: 'WorkflowEdge', description: 'A workflow and its cursor.' },
    ),
  }));
}
