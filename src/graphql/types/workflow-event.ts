import { WORKFLOW_EVENT_TYPES, type WorkflowEventType } from '../../core/workflow-event.ts';
import { watchWorkflow } from '../../operations/watch-workflow.ts';
import type { Builder } from '../builder.ts';
import { enumValues } from '../enum-values.ts';

const DESCRIPTIONS: Record<WorkflowEventType, string> = {
  SNAPSHOT: 'The workflow as it is when a subscription begins; it stands for all that happened before.',
  ENQUEUED: 'It was enqueued, or is to be run again; steps that wait for nothing are READY with it.',
  STEP: 'A step has come to another state.',
  PROGRESS: 'A step that runs has got further; told at most once a second by each worker.',
  SUCCESS: 'All of it has ended, and well.',
  FAILURE: 'All of it has ended, after a failure.',
  REVOKED: 'All of it has ended, after it was cancelled.',
};

/** Adds WorkflowEvent, WorkflowEventType and the subscription `workflowEvents`. */
export function addWorkflowEvent(builder: Builder): void {
  builder.enumType('WorkflowEventType', {
    description: 'What can happen to a workflow.',
    values: enumValues(WORKFLOW_EVENT_TYPES, DESCRIPTIONS),
  });
  addObject(builder);
  addSubscription(builder);
}

function addObject(builder: Builder): void {
  builder.objectType('WorkflowEvent', {
    description: 'Something that happened to a workflow.',
    fields: (t) => ({
      sequence: t.exposeInt('sequence', {
        description:
          'Counts the events of the workflow: 1, 2, 3 … without a hole. A snapshot has that of the newest event.',
      }),
      type: t.expose('type', { type: 'WorkflowEventType', description: 'What happened.' }),
      at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
      state: t.expose('state', { type: 'WorkflowState', description: 'The state of the workflow after it.' }),
      percent: t.exposeFloat('percent', {
        description:
          '0 to 100, by weight: the steps that have ended, and those that run as far as was told. It never goes back in a run.',
      }),
      stepKey: t.exposeID('stepKey', { nullable: true, description: 'The key of the step, on STEP and PROGRESS.' }),
      stepState: t.expose('stepState', {
        type: 'StepState',
        nullable: true,
        description: 'The state of the step after it, on STEP and PROGRESS.',
      }),
      event: t.field({
        type: 'TaskEvent',
        nullable: true,
        description: 'The event of the step’s task that it comes from; null when no task did anything.',
        resolve: ({ taskId, taskSequence: sequence }, _args, { loadTaskEvent }) =>
          taskId === null || sequence === null ? null : loadTaskEvent({ taskId, sequence }),
      }),
    }),
  });
}

function addSubscription(builder: Builder): void {
  builder.subscriptionField('workflowEvents', (t) =>
    t.field({
      type: 'WorkflowEvent',
      description:
        'What happens to a workflow, live and without a hole: first a SNAPSHOT, or with `after` every event that came after it; then what follows. Ends after the terminal event. Unknown id: error WORKFLOW_NOT_FOUND.',
      args: {
        id: t.arg.id({ required: true, description: 'The id of the workflow.' }),
        after: t.arg.int({
          description: 'The sequence of the last event that the client has; whoever reconnects gives it.',
        }),
      },
      subscribe: (_root, args, { resources }) => watchWorkflow(resources, args),
      resolve: (event) => event,
    }),
  );
}
