import { expect } from 'vitest';
import { UserInputError } from '../../src/core/errors.ts';
import { type EnqueueOutcome, enqueueTasks } from '../../src/operations/enqueue-tasks.ts';
import { upTo } from '../db/database.ts';
import { test } from './service.ts';

const withKey = (idempotencyKey: string, payload: unknown = {}) => ({
  name: 'noop',
  payload,
  options: { idempotencyKey },
});

/** `new`, `duplicate`, or the codes of what is wrong. */
function kindOf(outcome: EnqueueOutcome): string {
  if (outcome instanceof UserInputError) return outcome.problems.map(({ code }) => code).join();
  return outcome.duplicate ? 'duplicate' : 'new';
}

test('each input gets its own answer, in order, and what is valid is enqueued', async ({ service }) => {
  const outcomes = await enqueueTasks(service.resources, [
    { name: 'noop', payload: {} },
    { name: 'countdown', payload: {} },
    withKey('a'),
    { name: 'unknown', payload: {} },
    withKey('a'),
    withKey('a', { other: true }),
    { name: 'noop', payload: {}, options: { priority: 10 } },
    withKey('b'),
  ]);

  expect(outcomes.map(kindOf)).toEqual([
    'new',
    'PAYLOAD_INVALID,PAYLOAD_INVALID',
    'new',
    'UNKNOWN_TASK',
    'duplicate',
    'IDEMPOTENCY_KEY_REUSED',
    'OPTIONS_INVALID',
    'new',
  ]);
  const ids = outcomes.map((outcome) => (outcome instanceof UserInputError ? undefined : outcome.id));
  expect(ids[4]).toBe(ids[2]);
  expect(await service.jobIds()).toEqual([ids[0], ids[2], ids[7]].map(String).toSorted());
});

test('a thousand tasks are enqueued at once', async ({ service }) => {
  const outcomes = await enqueueTasks(
    service.resources,
    upTo(1000).map((n) => ({ name: 'noop', payload: { n } })),
  );

  expect(new Set(outcomes.map(kindOf))).toEqual(new Set(['new']));
  const [count] = await service.database.run('select count(*)::int as tasks from open_task');
  expect(count).toEqual({ tasks: 1000 });
  expect(await service.jobIds()).toHaveLength(1000);
});

test('more are refused, and nothing is stored', async ({ service }) => {
  const enqueueing = enqueueTasks(
    service.resources,
    upTo(1001).map(() => ({ name: 'noop', payload: {} })),
  );

  await expect(enqueueing).rejects.toMatchObject({
    code: 'TOO_MANY_TASKS',
    message: 'expected at most 1000 tasks, got: 1001',
    problems: [{ path: ['inputs'] }],
  });
  expect(await service.database.run('select id from task')).toEqual([]);
});

test.for([
  { what: 'none at all', inputs: [] },
  { what: 'none that is valid', inputs: [{ name: 'unknown', payload: {} }] },
])('of $what nothing is enqueued', async ({ inputs }, { service }) => {
  const outcomes = await enqueueTasks(service.resources, inputs);

  expect(outcomes).toHaveLength(inputs.length);
  expect(await service.jobIds()).toEqual([]);
});
