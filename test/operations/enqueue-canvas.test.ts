import { expect } from 'vitest';
import type { UserInputError } from '../../src/core/errors.ts';
import { enqueueChain, enqueueChord, enqueueGroup } from '../../src/operations/enqueue-canvas.ts';
import type { EnqueuedWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { test } from './workflows.ts';

const noop = { task: 'noop' };
const sum = { task: 'sum', payload: { values: [1] } };

/** The codes and paths of its user errors. */
async function refusal(enqueued: Promise<EnqueuedWorkflow>): Promise<string[]> {
  const { problems } = await enqueued.then(
    () => ({ problems: [] }),
    (error: UserInputError) => error,
  );
  return problems.map(({ code, path }) => `${code} ${path.join('.')}`);
}

test('a chain, a group and a chord are workflows', async ({ service: { resources }, workflows }) => {
  const dependencies = async ({ id }: EnqueuedWorkflow) =>
    Object.fromEntries((await workflows.steps(id)).map(({ key, dependsOn }) => [key, dependsOn]));
  const name = 'test';

  const chain = await enqueueChain(resources, { name, steps: [noop, noop, noop] });
  const group = await enqueueGroup(resources, { name, tasks: [noop, noop] });
  const chord = await enqueueChord(resources, { name, tasks: [sum, sum], callback: noop });

  expect(await dependencies(chain)).toEqual({ 1: [], 2: ['1'], 3: ['2'] });
  expect(await dependencies(group)).toEqual({ 1: [], 2: [] });
  expect(await dependencies(chord)).toEqual({ 1: [], 2: [], callback: ['1', '2'] });
});

test('an idempotency key gives the same chain', async ({ service: { resources } }) => {
  const input = { name: 'test', steps: [noop, noop], idempotencyKey: 'k' };

  const { id } = await enqueueChain(resources, input);

  expect(await enqueueChain(resources, input)).toEqual({ id, duplicate: true });
});

test('what is wrong is told where the caller wrote it', async ({ service: { resources } }) => {
  const name = 'test';
  const bad = { task: 'sum', payload: { values: ['x'] } };
  const unknown = { task: 'nope' };

  expect(await refusal(enqueueChain(resources, { name, steps: [sum, bad] }))).toEqual([
    'PAYLOAD_INVALID steps.1.payload.values.0',
  ]);
  expect(await refusal(enqueueChain(resources, { name, steps: [] }))).toEqual(['WORKFLOW_INVALID steps']);
  expect(await refusal(enqueueGroup(resources, { name, tasks: [sum, bad, unknown] }))).toEqual([
    'PAYLOAD_INVALID tasks.1.payload.values.0',
    'UNKNOWN_TASK tasks.2.task',
  ]);
  expect(await refusal(enqueueGroup(resources, { name, tasks: [] }))).toEqual(['WORKFLOW_INVALID tasks']);
  expect(await refusal(enqueueChord(resources, { name, tasks: [bad], callback: unknown }))).toEqual([
    'PAYLOAD_INVALID tasks.0.payload.values.0',
    'UNKNOWN_TASK callback.task',
  ]);
  expect(
    await refusal(enqueueChord(resources, { name, tasks: [noop], callback: { task: 'sum', payload: { values: 1 } } })),
  ).toEqual(['PAYLOAD_INVALID callback.payload.values']);
  expect(await refusal(enqueueChord(resources, { name: '', tasks: [noop], callback: noop }))).toEqual([
    'WORKFLOW_INVALID name',
  ]);
});

test('a list of results for a field that the callback has not is refused', async ({ service: { resources } }) => {
  const chord = { name: 'test', tasks: [sum], callback: { task: 'sum' } };

  expect(await refusal(enqueueChord(resources, { ...chord, resultsAs: 'nope' }))).toEqual([
    'PAYLOAD_INVALID callback.payload.values',
    'WORKFLOW_INVALID resultsAs',
  ]);
  expect(await refusal(enqueueChord(resources, { ...chord, callback: noop, resultsPath: 'total' }))).toEqual([
    'WORKFLOW_INVALID resultsAs',
  ]);
  expect(await refusal(enqueueChord(resources, { ...chord, callback: sum, resultsAs: 'values' }))).toEqual([
    'WORKFLOW_INVALID resultsAs',
  ]);
  expect(await refusal(enqueueChord(resources, { ...chord, resultsAs: 'values' }))).toEqual([]);
});
