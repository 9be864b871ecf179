import { describe, expect } from 'vitest';
import type { WorkflowStepSpec } from '../../src/operations/check-workflow.ts';
import { type EnqueueWorkflowInput, enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { getWorkflow } from '../../src/operations/get-workflow.ts';
import type { TestService } from './service.ts';
import { type Step, test } from './workflows.ts';

/** The user errors of a workflow; none when it is accepted. */
async function problemsOf({ resources }: TestService, given: Partial<EnqueueWorkflowInput>): Promise<unknown> {
  try {
    await enqueueWorkflow(resources, { name: 'test', steps: [{ key: 'a', task: 'noop' }], ...given });
    return [];
  } catch (error) {
    return (error as { problems: unknown }).problems;
  }
}

function noops(steps: readonly Step[]): WorkflowStepSpec[] {
  return steps.map((step) => ({ task: 'noop', ...step }));
}

const sum = { task: 'sum', payload: { values: [1] } };

test('what waits for nothing is READY with its task, all else BLOCKED', async ({ service, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }, { key: 'b' }, { key: 'c', dependsOn: ['a', 'b'] }]);

  const [a, b, c] = await workflows.steps(id);

  expect([a?.state, b?.state, c?.state]).toEqual(['READY', 'READY', 'BLOCKED']);
  expect(c).toMatchObject({ taskId: null, dependsOn: ['a', 'b'], join: 'ALL', onFailure: 'FAIL', weight: 1 });
  expect(new Set(await service.jobIds())).toEqual(new Set([a?.taskId, b?.taskId]));
  expect(await workflows.history(id)).toMatchObject([{ sequence: 1, type: 'ENQUEUED', state: 'RUNNING', percent: 0 }]);
});

test('in a transaction that is rolled back there is no workflow, in one that commits there is', async ({ service }) => {
  const { resources, database } = service;
  const input = { name: 'test', steps: noops([{ key: 'a' }]) };
  const em = resources.orm.em.fork();

  const lost = em.transactional(async (inner) => {
    await enqueueWorkflow(resources, { ...input, em: inner });
    throw new Error('changed my mind');
  });
  await expect(lost).rejects.toThrow('changed my mind');
  const before = await database.run('select from workflow');
  const { id } = await em.transactional((inner) => enqueueWorkflow(resources, { ...input, em: inner }));

  expect(before).toEqual([]);
  expect(await getWorkflow(resources, id)).toMatchObject({ state: 'RUNNING' });
  await expect.poll(() => service.jobIds()).toHaveLength(1);
});

describe('an idempotency key', () => {
  test('gives the same workflow, however often it is sent, and one task', async ({ service }) => {
    const input = { name: 'test', steps: noops([{ key: 'a' }]), idempotencyKey: 'k' };

    const first = await enqueueWorkflow(service.resources, input);
    const others = await Promise.all([1, 2, 3].map(() => enqueueWorkflow(service.resources, input)));

    expect(first.duplicate).toBe(false);
    for (const other of others) expect(other).toEqual({ id: first.id, duplicate: true });
    expect(await service.jobIds()).toHaveLength(1);
    expect(await service.database.run('select from task')).toHaveLength(1);
  });

  test('does not care for the order of the fields of a payload', async ({ service }) => {
    const enqueueWith = (payload: object) =>
      enqueueWorkflow(service.resources, {
        name: 'test',
        steps: [{ key: 'a', task: 'countdown', payload }],
        idempotencyKey: 'k',
      });

    const { id } = await enqueueWith({ steps: 1, stepMs: 2 });

    expect(await enqueueWith({ stepMs: 2, steps: 1 })).toEqual({ id, duplicate: true });
    await expect(enqueueWith({ stepMs: 1, steps: 2 })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  test('of a workflow with other steps or another name is refused', async ({ service }) => {
    const input = { name: 'test', steps: noops([{ key: 'a' }]), idempotencyKey: 'k' };
    const { id } = await enqueueWorkflow(service.resources, input);
    const message = `the idempotency key "k" belongs to workflow ${id}, which has another name or other steps`;
    const reused = [{ code: 'IDEMPOTENCY_KEY_REUSED', message, path: ['idempotencyKey'] }];

    expect(await problemsOf(service, { ...input, steps: noops([{ key: 'b' }]) })).toEqual(reused);
    expect(await problemsOf(service, { ...input, name: 'other' })).toEqual(reused);
  });

  test('belongs to an owner', async ({ service }) => {
    const input = { name: 'test', steps: noops([{ key: 'a' }]), idempotencyKey: 'k' };
    const ofAda = await enqueueWorkflow(service.resources, { ...input, owner: 'ada' });
    const ofGrace = await enqueueWorkflow(service.resources, { ...input, owner: 'grace' });

    expect(ofGrace).toMatchObject({ duplicate: false });
    expect(ofGrace.id).not.toBe(ofAda.id);
  });
});

/** What is wrong, what is given, and the user errors. */
type Refusal = [what: string, given: Partial<EnqueueWorkflowInput>, problems: object[]];

const TEXT = 'to have 1 to 200 characters, got:';
const AFTER_NOOP = noops([{ key: 'a' }]);

function invalid(message: string, ...path: string[]) {
  return { code: 'WORKFLOW_INVALID', message, path };
}

function refusedCount(joinCount: number): Refusal {
  const steps = noops([{ key: 'a' }, { key: 'b' }, { key: 'c', dependsOn: ['a', 'b'], join: 'ANY', joinCount }]);
  const message = `expected joinCount to be from 1 to the number of steps that it depends on (2), got: ${joinCount}`;
  return [`a count of ${joinCount} out of two`, { steps }, [invalid(message, 'steps', '2', 'joinCount')]];
}

function refusedWeight(weight: number): Refusal {
  const message = `expected weight to be more than 0 and at most 1000000, got: ${weight}`;
  const problems = [invalid(message, 'steps', '0', 'weight')];
  return [`a weight of ${weight}`, { steps: noops([{ key: 'a', weight }]) }, problems];
}

test.for<Refusal>([
  ['no steps', { steps: [] }, [invalid('expected 1 to 5000 steps, got: 0', 'steps')]],
  [
    'too many steps',
    { steps: noops(Array.from({ length: 5001 }, (_, at) => ({ key: String(at) }))) },
    [invalid('expected 1 to 5000 steps, got: 5001', 'steps')],
  ],
  ['no name', { name: '' }, [invalid(`expected name ${TEXT} ""`, 'name')]],
  ['a name that can’t be stored', { name: 'a\u0000' }, [invalid(`expected name ${TEXT} "a\\u0000"`, 'name')]],
  ['an empty key', { idempotencyKey: '' }, [invalid(`expected idempotencyKey ${TEXT} ""`, 'idempotencyKey')]],
  ['a step without a key', { steps: noops([{ key: '' }]) }, [invalid(`expected key ${TEXT} ""`, 'steps', '0', 'key')]],
  [
    'a key twice',
    { steps: noops([{ key: 'a' }, { key: 'b' }, { key: 'a' }]) },
    [invalid('expected the keys of the steps to differ, got "a" twice', 'steps', '0', 'key')],
  ],
  [
    'an unknown key',
    {
      steps: [
        ...noops([{ key: 'a', dependsOn: ['b', 'a1'] }, { key: 'b' }]),
        { key: 'c', task: 'sum', inputFrom: { values: [{ step: 'x' }] } },
      ],
    },
    [
      invalid('expected the key of a step of this workflow, got: "a1"', 'steps', '0', 'dependsOn', '1'),
      invalid('expected the key of a step of this workflow, got: "x"', 'steps', '2', 'inputFrom', 'values'),
    ],
  ],
  [
    'a cycle',
    {
      steps: noops([
        { key: 'a' },
        { key: 'b', dependsOn: ['a', 'd'] },
        { key: 'c', dependsOn: ['b'] },
        { key: 'd', dependsOn: ['c'] },
      ]),
    },
    [invalid('expected steps without a cycle, got: b → c → d → b', 'steps')],
  ],
  [
    'a step that waits for itself',
    { steps: noops([{ key: 'a', dependsOn: ['a'] }]) },
    [invalid('expected steps without a cycle, got: a → a', 'steps')],
  ],
  [
    'a field that the task has not',
    { steps: [...AFTER_NOOP, { key: 'b', ...sum, inputFrom: { other: { step: 'a' } } }] },
    [
      invalid(
        'expected inputFrom to fill one of the fields values of sum, got: "other"',
        'steps',
        '1',
        'inputFrom',
        'other',
      ),
    ],
  ],
  [
    'a field from two places',
    { steps: [...AFTER_NOOP, { key: 'b', ...sum, inputFrom: { values: { step: 'a' } } }] },
    [invalid('expected values to be in payload or in inputFrom, got both', 'steps', '1', 'inputFrom', 'values')],
  ],
  [
    'a path that can’t be stored',
    { steps: [...AFTER_NOOP, { key: 'b', task: 'sum', inputFrom: { values: { step: 'a', path: '\u0000' } } }] },
    [invalid('expected text without NUL characters', 'steps', '1', 'inputFrom', 'values', 'path')],
  ],
  [
    'a count without ANY',
    { steps: noops([{ key: 'a' }, { key: 'b', dependsOn: ['a'], joinCount: 1 }]) },
    [invalid('expected joinCount only with join: ANY', 'steps', '1', 'joinCount')],
  ],
  ...[0, 3, 1.5].map(refusedCount),
  ...[0, -1, Number.NaN, 1_000_001].map(refusedWeight),
])('%s: refused, and nothing is stored', async ([, given, problems], { service }) => {
  expect(await problemsOf(service, given)).toEqual(problems);
  expect(await service.database.run('select from workflow')).toEqual([]);
});

test('what is wrong with the tasks of several steps is told together', async ({ service }) => {
  const steps: WorkflowStepSpec[] = [
    { key: 'a', task: 'nope' },
    { key: 'b', task: 'sum', payload: { values: ['x'] } },
    { key: 'c', task: 'noop', payload: [] },
    { key: 'd', task: 'noop', options: { priority: 10, idempotencyKey: 'k' } },
    { key: 'e', task: 'fail-times', payload: { times: 1, code: '\u0000' } },
  ];

  expect(await problemsOf(service, { steps })).toMatchObject([
    { code: 'UNKNOWN_TASK', path: ['steps', '0', 'task'], message: expect.stringContaining('got: "nope"') as string },
    { code: 'PAYLOAD_INVALID', path: ['steps', '1', 'payload', 'values', '0'] },
    { code: 'PAYLOAD_INVALID', path: ['steps', '2', 'payload'] },
    { code: 'OPTIONS_INVALID', path: ['steps', '3', 'options', 'priority'] },
    {
      code: 'OPTIONS_INVALID',
      path: ['steps', '3', 'options', 'idempotencyKey'],
      message: 'expected no idempotencyKey for a step: give one to the workflow',
    },
    { code: 'PAYLOAD_INVALID', path: ['steps', '4', 'payload', 'code'] },
  ]);
});

test('a payload that results complete is checked as far as it is there', async ({ service }) => {
  const inputFrom = { steps: { step: 'a' } };
  const countdown = (payload: object) => [...AFTER_NOOP, { key: 'b', task: 'countdown', payload, inputFrom }];

  expect(await problemsOf(service, { steps: countdown({ stepMs: -1 }) })).toMatchObject([
    { code: 'PAYLOAD_INVALID', path: ['steps', '1', 'payload', 'stepMs'] },
  ]);
  expect(await problemsOf(service, { steps: countdown({ stepMs: 1, more: 'x'.repeat(300_000) }) })).toMatchObject([
    { code: 'PAYLOAD_INVALID', path: ['steps', '1', 'payload'] },
  ]);
  expect(await problemsOf(service, { steps: countdown({ stepMs: 1 }) })).toEqual([]);
});
