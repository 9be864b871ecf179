import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { MaintenanceLoop } from '../../../worker/maintenance/maintenance-loop.ts';

/** Far longer than a test: what runs, runs for another reason. */
const NEVER_MS = 3_600_000;

/** A loop whose runs the test ends. */
function openLoop(intervalMs: number) {
  const runs: { succeed(): void; fail(error: Error): void }[] = [];
  const runOnce = () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    runs.push({ succeed: resolve, fail: reject });
    return promise;
  };
  const logger = pino({ level: 'silent' });
  return { loop: new MaintenanceLoop({ name: 'test', intervalMs, runOnce, logger }), runs };
}

test('it runs at once, and again after each run, also after one that failed', async () => {
  const { loop, runs } = openLoop(1);

  loop.start();
  runs[0]?.succeed();
  await expect.poll(() => runs.length).toBe(2);
  runs[1]?.fail(new Error('down'));
  await expect.poll(() => runs.length).toBe(3);

  runs[2]?.succeed();
  await loop.stop();
});

test('two runs never overlap', async () => {
  const { loop, runs } = openLoop(0);

  loop.start();
  loop.poke();
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();

  expect(runs).toHaveLength(1);
  runs[0]?.succeed();
  await loop.stop();
});

test('it can be told to run now', async () => {
  const { loop, runs } = openLoop(NEVER_MS);
  loop.start();
  runs[0]?.succeed();
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();

  loop.poke();

  expect(runs).toHaveLength(2);
  runs[1]?.succeed();
  await loop.stop();
});

test('stopping waits for the run that is under way, and no other follows', async () => {
  const { loop, runs } = openLoop(0);
  loop.start();
  let stopped = false;

  const stopping = loop.stop().then(() => (stopped = true));
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
  const early = stopped;
  runs[0]?.succeed();
  await stopping;
  await loop.stop();
  loop.poke();
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();

  expect(early).toBe(false);
  expect(runs).toHaveLength(1);
});

test('a loop that never started stops at once', async () => {
  const { loop, runs } = openLoop(0);

  await loop.stop();
  loop.poke();

  expect(runs).toEqual([]);
});
