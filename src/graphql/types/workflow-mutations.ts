import { cancelWorkflow } from '../../operations/cancel-workflow.ts';
import { enqueueChain, enqueueChord, enqueueGroup } from '../../operations/enqueue-canvas.ts';
import { enqueueWorkflow } from '../../operations/enqueue-workflow.ts';
import { retryWorkflow } from '../../operations/retry-workflow.ts';
import type { Builder } from '../builder.ts';
import { NO_WORKFLOW, workflowOf } from '../enqueued-workflow.ts';
import { withUserErrors } from '../errors.ts';
import { withSources } from '../workflow-input.ts';

const ENQUEUE_ERRORS =
  'User errors: WORKFLOW_INVALID, UNKNOWN_TASK, PAYLOAD_INVALID, OPTIONS_INVALID, IDEMPOTENCY_KEY_REUSED.';

/** Adds `enqueueWorkflow`, `enqueueChain`, `enqueueGroup`, `enqueueChord`, `cancelWorkflow` and `retryWorkflow`. */
export function addWorkflowMutations(builder: Builder): void {
  addPayload(builder);
  addEnqueueWorkflow(builder);
  addShorthands(builder);
  addCancelAndRetry(builder);
}

function addPayload(builder: Builder): void {
  builder.objectType('WorkflowPayload', {
    description: 'The enqueued or changed workflow, or why there is none.',
    fields: (t) => ({
      workflow: t.expose('workflow', { type: 'Workflow', nullable: true, description: 'The workflow as it is now.' }),
      duplicate: t.exposeBoolean('duplicate', {
        description: 'Whether an earlier call with the same idempotency key made it.',
      }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'What is wrong with the input.' }),
    }),
  });
}

const NAME = { required: true, description: 'What it is called; 1 to 200 characters.' } as const;
const IDEMPOTENCY_KEY = {
  description: 'The same key gives the same workflow, however often it is sent; 1 to 200 characters.',
};
const TASKS = { required: true, description: 'Side by side; their keys are "1", "2" …' } as const;

function addEnqueueWorkflow(builder: Builder): void {
  const step = builder.inputType('WorkflowStepInput', {
    description: 'A step of a workflow.',
    fields: (t) => ({
      key: t.id({ required: true, description: 'Its name, which no other step has; 1 to 200 characters.' }),
      task: t.string({ required: true, description: 'The name of a task definition, e.g. "send-welcome-email".' }),
      payload: t.field({
        type: 'JSON',
        description: 'What the definition’s inputSchema describes, without what inputFrom gives; {} when left out.',
      }),
      dependsOn: t.idList({ description: 'The keys of steps that it waits for; those of inputFrom are added.' }),
      inputFrom: t.field({
        type: 'JSON',
        description:
          'Fields of the payload that are results of other steps, or parts of these: { "field": { "step": "key", "path": "a.b" } }. Without path it is the whole result; a list of such sources gives a list.',
      }),
      onFailure: t.field({ type: 'OnFailure', description: 'What its failure means; FAIL when left out.' }),
      join: t.field({ type: 'JoinPolicy', description: 'What it waits for; ALL when left out.' }),
      joinCount: t.int({ description: 'How many must succeed, with ANY; 1 when left out.' }),
      weight: t.float({
        description: 'Its part in the progress of the workflow, more than 0 and at most 1,000,000; 1 when left out.',
      }),
      options: t.field({
        type: 'EnqueueOptions',
        description: 'How its task is to be run. A delay counts from when it is READY; it has no idempotencyKey.',
      }),
    }),
  });
  const input = builder.inputType('EnqueueWorkflowInput', {
    description: 'A graph of tasks.',
    fields: (t) => ({
      name: t.string(NAME),
      steps: t.field({ type: [step], required: true, description: 'Its steps, 1 to 5,000, without a cycle.' }),
      idempotencyKey: t.string(IDEMPOTENCY_KEY),
    }),
  });
  builder.mutationField('enqueueWorkflow', (t) =>
    t.field({
      type: 'WorkflowPayload',
      description: `Enqueues a workflow; it is accepted, and not lost any more, when this answers. ${ENQUEUE_ERRORS}`,
      args: { input: t.arg({ type: input, required: true, description: 'The workflow.' }) },
      resolve: (_root, { input: { steps, ...given } }, { resources, owner }) =>
        withUserErrors(NO_WORKFLOW, async () => {
          const read = withSources(steps, (position) => ['steps', String(position)]);
          return workflowOf(resources, await enqueueWorkflow(resources, { ...given, steps: read, owner }));
        }),
    }),
  );
}

/** The inputs of the shorthands. */
function addShorthandInputs(builder: Builder) {
  const signature = builder.inputType('SignatureInput', {
    description: 'A task of a chain, a group or a chord.',
    fields: (t) => ({
      task: t.string({ required: true, description: 'The name of a task definition, e.g. "send-welcome-email".' }),
      payload: t.field({
        type: 'JSON',
        description: 'What the definition’s inputSchema describes, without what comes from results; {} when left out.',
      }),
      inputFrom: t.field({
        type: 'JSON',
        description:
          'Fields of the payload that are results of other steps, as in WorkflowStepInput. In a chain the step "previous" is the one before; a group has none.',
      }),
      options: t.field({ type: 'EnqueueOptions', description: 'How it is to be run.' }),
    }),
  });
  const chain = builder.inputType('EnqueueChainInput', {
    description: 'Tasks that run one after the other.',
    fields: (t) => ({
      name: t.string(NAME),
      steps: t.field({ type: [signature], required: true, description: 'In their order; their keys are "1", "2" …' }),
      idempotencyKey: t.string(IDEMPOTENCY_KEY),
    }),
  });
  const group = builder.inputType('EnqueueGroupInput', {
    description: 'Tasks that run side by side.',
    fields: (t) => ({
      name: t.string(NAME),
      tasks: t.field({ type: [signature], ...TASKS }),
      idempotencyKey: t.string(IDEMPOTENCY_KEY),
    }),
  });
  const chord = builder.inputType('EnqueueChordInput', {
    description: 'Tasks that run side by side, and one that gets the results of all of them.',
    fields: (t) => ({
      name: t.string(NAME),
      tasks: t.field({ type: [signature], ...TASKS }),
      callback: t.field({ type: signature, required: true, description: 'After all of them; its key is "callback".' }),
      resultsAs: t.string({
        description:
          'The field of its payload that gets the list of the results, in their order; when left out "results", if it has such a field.',
      }),
      resultsPath: t.string({
        description:
          'What the list has of each result, e.g. "data.id"; the whole when left out, or its only value where the callback takes no objects.',
      }),
      idempotencyKey: t.string(IDEMPOTENCY_KEY),
    }),
  });
  return { chain, group, chord };
}

function addShorthands(builder: Builder): void {
  const { chain, group, chord } = addShorthandInputs(builder);
  builder.mutationFields((t) => ({
    enqueueChain: t.field({
      type: 'WorkflowPayload',
      description: `Enqueues a workflow of tasks that run one after the other. ${ENQUEUE_ERRORS}`,
      args: { input: t.arg({ type: chain, required: true, description: 'The chain.' }) },
      resolve: (_root, { input: { steps, ...given } }, { resources, owner }) =>
        withUserErrors(NO_WORKFLOW, async () => {
          const read = withSources(steps, (position) => ['steps', String(position)]);
          return workflowOf(resources, await enqueueChain(resources, { ...given, steps: read, owner }));
        }),
    }),
    enqueueGroup: t.field({
      type: 'WorkflowPayload',
      description: `Enqueues a workflow of tasks that run side by side. ${ENQUEUE_ERRORS}`,
      args: { input: t.arg({ type: group, required: true, description: 'The group.' }) },
      resolve: (_root, { input: { tasks, ...given } }, { resources, owner }) =>
        withUserErrors(NO_WORKFLOW, async () => {
          const read = withSources(tasks, (position) => ['tasks', String(position)]);
          return workflowOf(resources, await enqueueGroup(resources, { ...given, tasks: read, owner }));
        }),
    }),
    enqueueChord: t.field({
      type: 'WorkflowPayload',
      description: `Enqueues a workflow of tasks that run side by side and one that gets their results. ${ENQUEUE_ERRORS}`,
      args: { input: t.arg({ type: chord, required: true, description: 'The chord.' }) },
      resolve: (_root, { input: { tasks, callback, ...given } }, { resources, owner }) =>
        withUserErrors(NO_WORKFLOW, async () => {
          const at = (position: number) => (position < tasks.length ? ['tasks', String(position)] : ['callback']);
          const read = withSources([...tasks, callback], at);
          const last = read.pop() ?? callback;
          return workflowOf(resources, await enqueueChord(resources, { ...given, tasks: read, callback: last, owner }));
        }),
    }),
  }));
}

function addCancelAndRetry(builder: Builder): void {
  builder.mutationFields((t) => ({
    cancelWorkflow: t.field({
      type: 'WorkflowPayload',
      description:
        'Ends a workflow: what has not started is REVOKED at once, what runs as soon as its worker hears of it, and then the whole. User errors: WORKFLOW_NOT_FOUND, WORKFLOW_ALREADY_FINISHED.',
      args: {
        id: t.arg.id({ required: true, description: 'The id of the workflow.' }),
        reason: t.arg.string({ description: 'Why; it is kept with the workflow and its tasks.' }),
        force: t.arg.boolean({ description: 'Not to wait for tasks that do not end by themselves.' }),
      },
      resolve: (_root, { id, reason, force }, { resources }) =>
        withUserErrors(NO_WORKFLOW, async () => {
          await cancelWorkflow(resources, { id, reason, force: force ?? false });
          return workflowOf(resources, { id, duplicate: false });
        }),
    }),
    retryWorkflow: t.field({
      type: 'WorkflowPayload',
      description:
        'Runs a workflow in FAILURE or REVOKED again, under the same id, from what did not succeed on. User errors: WORKFLOW_NOT_FOUND, WORKFLOW_NOT_FINISHED, WORKFLOW_ALREADY_FINISHED.',
      args: { id: t.arg.id({ required: true, description: 'The id of the workflow.' }) },
      resolve: (_root, { id }, { resources }) =>
        withUserErrors(NO_WORKFLOW, async () => {
          await retryWorkflow(resources, id);
          return workflowOf(resources, { id, duplicate: false });
        }),
    }),
  }));
}
