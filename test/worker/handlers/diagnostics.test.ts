import { expect, test } from 'vitest';
import { TaskCancelled } from '../../../src/core/errors.ts';
import { sum } from '../../../src/tasks/diagnostics.ts';
import { countdown, failTimes, noop } from '../../../worker/handlers/diagnostics.ts';
import { runTask } from '../../../worker/testing.ts';
import { openContext } from './task-context.ts';

test('noop does nothing', async () => {
  expect(await noop({}, openContext())).toEqual({});
});

test.for([0, 1])('countdown with steps of %i ms reports each step once, with the total', async (stepMs) => {
  const context = openContext();

  const result = await countdown({ steps: 3, stepMs }, context);

  expect(result).toEqual({ steps: 3 });
  expect(context.reports.map(({ current, total }) => [current, total])).toEqual([
    [1, 3],
    [2, 3],
    [3, 3],
  ]);
});

test('a cancelled countdown ends in the middle of a step and says why', async () => {
  const controller = new AbortController();
  const reason = new TaskCancelled('no longer wanted');

  const running = countdown({ steps: 1, stepMs: 60_000 }, openContext({ signal: controller.signal }));
  controller.abort(reason);

  await expect(running).rejects.toBe(reason);
});

test('a countdown without waiting can be cancelled between two steps', async () => {
  const controller = new AbortController();
  const reason = new TaskCancelled(null);
  const context = openContext({
    signal: controller.signal,
    progress: (current) => {
      if (current === 2) controller.abort(reason);
    },
  });

  await expect(countdown({ steps: 100_000, stepMs: 0 }, context)).rejects.toBe(reason);
});

test('fail-times fails on its first attempts and then succeeds', async () => {
  await expect(failTimes({ times: 2 }, openContext({ attempt: 1 }))).rejects.toMatchObject({
    code: 'DIAGNOSTIC_FAILURE',
    message: 'attempt 1 fails, as the first 2 are meant to',
  });
  await expect(failTimes({ times: 2 }, openContext({ attempt: 2 }))).rejects.toMatchObject({
    code: 'DIAGNOSTIC_FAILURE',
  });

  expect(await failTimes({ times: 2 }, openContext({ attempt: 3 }))).toEqual({ attempts: 3 });
});

test('fail-times fails with the code that is asked for', async () => {
  const running = failTimes({ times: 1, code: 'OUT_OF_COFFEE' }, openContext());

  await expect(running).rejects.toMatchObject({ code: 'OUT_OF_COFFEE' });
});

test.for([
  [[], 0],
  [[1, 2.5, -4], -0.5],
  [Array<number>(10_000).fill(1), 10_000],
] as const)('sum adds numbers up', async ([values, total]) => {
  expect((await runTask(sum, { values: [...values] })).result).toEqual({ total });
});

test('sum takes at most 10,000 numbers, and none that JSON has no words for', async () => {
  for (const values of [Array<number>(10_001).fill(1), [Number.NaN], [Number.POSITIVE_INFINITY]]) {
    await expect(runTask(sum, { values })).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
  }
  await expect(runTask(sum, { values: [1e308, 1e308] })).rejects.toMatchObject({ code: 'RESULT_INVALID' });
});
