import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { runStatement } from '../../src/dev/administer-postgres.ts';
import { memoryOf } from '../support/child-processes.ts';
import { leaking } from '../support/tasks/contracts.ts';
import { test } from '../support/taskwire.ts';

const TASKS = 5000;
const TASKS_A_CALL = 1000;
const LEAK_KIB = 256;
const LEAKED_MB = (TASKS * LEAK_KIB) / 1024;
const CHILDREN = 2;
/** What a child gains in the run that takes it over its limit, and what its memory swings by. */
const SLACK_MB = 32;
/** It starts with 180; what it gains is what V8 leaves lying about while memory is plenty. */
const WORKER_MAX_MB = 450;
const SAMPLE_MS = 100;
/** Twenty seconds on a machine with nothing else to do. */
const TEST_TIMEOUT_MS = 180_000;

const ENDS = `select task_outcome.state, task.attempt, count(*)::int as tasks
  from task join task_outcome on task_id = id group by task_outcome.state, task.attempt`;

test(
  'a child that leaks is recycled, and the memory of its worker stays bounded over 5,000 tasks',
  { timeout: TEST_TIMEOUT_MS },
  async ({ taskwire, world }) => {
    taskwire.offerTestTasks();
    const { client } = await taskwire.startApi();
    const worker = await taskwire.startWorker({ CONCURRENCY: String(CHILDREN) });
    let succeeded = 0;
    const finished = worker.waitForLine(({ msg }) => msg === 'Task succeeded' && ++succeeded === TASKS);
    for (let enqueued = 0; enqueued < TASKS; enqueued += TASKS_A_CALL) {
      await client.enqueueMany(
        leaking.name,
        Array.from({ length: TASKS_A_CALL }, () => ({ kib: LEAK_KIB })),
      );
    }

    const samples: Map<number, number>[] = [];
    while ((await Promise.race([finished, delay(SAMPLE_MS)])) === undefined) samples.push(await memoryOf(worker));

    const { maxMemoryMb, maxTasksPerChild } = leaking.child;
    const replaced = worker.lines.filter(({ msg }) => msg === 'A child is replaced');
    const workerPeakMb = Math.max(...samples.map((sample) => sample.get(worker.pid) ?? 0));
    const childPeakMb = Math.max(
      ...samples.flatMap((sample) => [...sample].map(([pid, mb]) => (pid === worker.pid ? 0 : mb))),
    );
    const totalPeakMb = Math.max(...samples.map((sample) => [...sample.values()].reduce((sum, mb) => sum + mb, 0)));
    expect(await runStatement(world.databaseUrl, ENDS)).toEqual([{ state: 'SUCCESS', attempt: 1, tasks: TASKS }]);
    expect(replaced.length).toBeGreaterThanOrEqual(Math.floor(LEAKED_MB / maxMemoryMb) - CHILDREN);
    expect(replaced.length).toBeLessThan(TASKS / 100); // and each was used again many times
    for (const { runs, memoryMb } of replaced) {
      expect(memoryMb).toBeGreaterThan(maxMemoryMb);
      expect(memoryMb).toBeLessThan(maxMemoryMb + SLACK_MB);
      expect(runs).toBeLessThan(maxTasksPerChild);
    }
    expect(childPeakMb).toBeLessThan(maxMemoryMb + SLACK_MB);
    expect(workerPeakMb).toBeLessThan(WORKER_MAX_MB);
    expect(totalPeakMb).toBeLessThan(LEAKED_MB);
  },
);
