import { expect } from 'vitest';
import { z } from 'zod';
import { chain, group, signature } from '../../src/core/canvas.ts';
import { defineWorkflow } from '../../src/core/define-workflow.ts';
import { UserInputError } from '../../src/core/errors.ts';
import { newId } from '../../src/core/ids.ts';
import { toSteps } from '../../src/core/to-steps.ts';
import { enqueueDefinedWorkflow } from '../../src/operations/enqueue-defined-workflow.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { sum } from '../../src/tasks/diagnostics.ts';
import { WorkflowCatalog } from '../../src/tasks/workflow-catalog.ts';
import { test, type TestService } from './service.ts';

const addUp = defineWorkflow({
  name: 'add-up',
  description: 'Adds numbers up, twice.',
  input: z.object({ values: z.array(z.number()), times: z.int().min(0).default(2) }),
  build: ({ values, times }) =>
    chain(group(Array.from({ length: times }, () => signature(sum, { values }))), (sums) =>
      signature(sum, { values: sums.map(({ total }) => total) }, { key: 'all' }),
    ),
});

function withAddUp({ resources }: TestService) {
  return { ...resources, workflows: new WorkflowCatalog([addUp]) };
}

/** What is wrong with an input; fails the test when nothing is, or when anything was stored. */
async function problemsOf(service: TestService, name: string, input: unknown) {
  const error: unknown = await enqueueDefinedWorkflow(withAddUp(service), { name, input }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(UserInputError);
  expect(await service.database.run('select id from workflow')).toEqual([]);
  return (error as UserInputError).problems;
}

function stepsOf({ database }: TestService, id: string) {
  return database.run(
    `select key, task, state, payload, input_from as "inputFrom" from workflow_step where workflow_id = $1 order by position`,
    [id],
  );
}

test('a defined workflow is enqueued under its name, made of its input with the defaults', async ({ service }) => {
  const { id, duplicate } = await enqueueDefinedWorkflow(withAddUp(service), {
    name: 'add-up',
    input: { values: [1, 2] },
    owner: 'ada',
  });

  const payload = { values: [1, 2] };
  expect(duplicate).toBe(false);
  expect(await service.database.run('select id, name, owner from workflow')).toEqual([
    { id, name: 'add-up', owner: 'ada' },
  ]);
  expect(await stepsOf(service, id)).toEqual([
    { key: 'sum', task: 'sum', state: 'READY', payload, inputFrom: {} },
    { key: 'sum-2', task: 'sum', state: 'READY', payload, inputFrom: {} },
    {
      key: 'all',
      task: 'sum',
      state: 'BLOCKED',
      payload: {},
      inputFrom: {
        values: [
          { step: 'sum', path: 'total' },
          { step: 'sum-2', path: 'total' },
        ],
      },
    },
  ]);
  expect(await service.jobIds()).toHaveLength(2);
});

test('the shipped workflow is enqueued with all its steps', async ({ service }) => {
  const input = { fileId: newId(), userId: 7, format: 'pdf' };

  const { id } = await enqueueDefinedWorkflow(service.resources, { name: 'csv-report', input });

  expect(await stepsOf(service, id)).toMatchObject([
    { key: 'preprocess-data', state: 'READY', payload: { fileId: input.fileId } },
    { key: 'analyze-data', inputFrom: { dataId: { step: 'preprocess-data', path: 'data.id' } } },
    {
      key: 'generate-report',
      payload: { kind: 'data-analysis', format: 'pdf' },
      inputFrom: { analysisId: { step: 'analyze-data', path: 'analysisId' } },
    },
    {
      key: 'send-notification',
      payload: { userId: 7 },
      inputFrom: { message: { step: 'generate-report', path: 'summary' } },
    },
  ]);
});

test('the same idempotency key gives the same workflow, and none for another input', async ({ service }) => {
  const enqueue = (values: number[]) =>
    enqueueDefinedWorkflow(withAddUp(service), { name: 'add-up', input: { values }, idempotencyKey: 'once' });

  const { id } = await enqueue([1]);

  expect(await enqueue([1])).toEqual({ id, duplicate: true });
  await expect(enqueue([2])).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
});

test('a workflow that is not there is refused with the names of those that are', async ({ service }) => {
  expect(await problemsOf(service, 'add-down', {})).toEqual([
    {
      code: 'UNKNOWN_WORKFLOW',
      message: 'expected the name of a workflow (add-up), got: "add-down"',
      path: ['name'],
    },
  ]);
});

test('an input that does not fit is refused with the places', async ({ service }) => {
  expect(await problemsOf(service, 'add-up', { values: [1, 'two'], times: -1 })).toMatchObject([
    { code: 'PAYLOAD_INVALID', path: ['values', '1'] },
    { code: 'PAYLOAD_INVALID', path: ['times'] },
  ]);
  expect(await problemsOf(service, 'add-up', undefined)).toMatchObject([{ code: 'PAYLOAD_INVALID', path: ['values'] }]);
});

test('what a task does not take is refused with its place in the steps', async ({ service }) => {
  const values = Array.from({ length: 10_001 }, () => 1);

  expect(await problemsOf(service, 'add-up', { values, times: 1 })).toMatchObject([
    { code: 'PAYLOAD_INVALID', path: ['steps', '0', 'payload', 'values'] },
  ]);
});

test('a workflow that was written on the spot is enqueued as it is', async ({ service }) => {
  const steps = toSteps(
    chain(signature(sum, { values: [1] }, { options: { tags: ['a'] } }), ({ total }) =>
      signature(sum, { values: [total] }, { onFailure: 'CONTINUE', options: { runAt: new Date() } }),
    ),
  );

  const { id } = await enqueueWorkflow(service.resources, { name: 'two sums', steps });

  expect(await stepsOf(service, id)).toMatchObject([
    { key: 'sum', state: 'READY' },
    { key: 'sum-2', state: 'BLOCKED', inputFrom: { values: [{ step: 'sum', path: 'total' }] } },
  ]);
});
