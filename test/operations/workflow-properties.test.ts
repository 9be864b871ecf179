import fc from 'fast-check';
import { describe, expect } from 'vitest';
import type { SqlPool } from '../../src/db/sql.ts';
import { cancelWorkflow } from '../../src/operations/cancel-workflow.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { retryWorkflow } from '../../src/operations/retry-workflow.ts';
import { upTo, watchedSql } from '../db/database.ts';
import { failsAsWhole, outcomesOf, type RandomStep, randomWorkflow, toSpec } from './random-workflow.ts';
import { test, type TestService } from './service.ts';
import { runAttempt, WorkflowLook } from './workflow-run.ts';

/** Runs of each property; every run plays a whole workflow on Postgres. */
const RUNS = { numRuns: 40 };
const STEPS_MAX = 12;
const TIMEOUT_MS = 180_000;

/** Repeatable numbers from a seed (mulberry32): fast-check shrinks the workflow, not the order of its tasks. */
function openRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Play {
  look: WorkflowLook;
  sql: SqlPool;
  steps: readonly RandomStep[];
  random: (below: number) => number;
  /** Called before each round of attempts. */
  beforeRound?: () => Promise<unknown>;
}

/** Runs the waiting tasks, up to three at the same time, in any order, until none waits. */
async function play({ look, sql, steps, random, beforeRound }: Play): Promise<void> {
  const byKey = new Map(steps.map((step) => [step.key, step]));
  for (;;) {
    await beforeRound?.();
    const waiting = await look.waiting();
    if (waiting.length === 0) return;
    const taken = Array.from({ length: 1 + random(3) }, () => waiting.splice(random(waiting.length), 1)[0]);
    await Promise.all(
      taken.map(async (task) => {
        const step = task && byKey.get(task.key);
        if (step) await runAttempt({ sql, workflowId: look.id, taskId: task.id }, step);
      }),
    );
  }
}

/** What holds of every workflow that has ended, however it went. */
async function expectSound(look: WorkflowLook): Promise<void> {
  const { state, openSteps, finishedAt, sequence } = await look.row();
  const steps = await look.steps();
  const events = await look.events();

  expect(state).not.toBe('RUNNING');
  expect(openSteps).toBe(0);
  expect(finishedAt).not.toBeNull();
  for (const step of steps.values()) {
    expect(['SUCCESS', 'FAILURE', 'SKIPPED', 'REVOKED']).toContain(step.state);
    if (step.taskState !== null) expect(step.taskState).toBe(step.state);
    const ran = events.some(({ stepKey, stepState }) => stepKey === step.key && stepState === 'RUNNING');
    expect(`${step.key} ran: ${ran}`).toBe(`${step.key} ran: ${step.startedAt !== null}`);
  }
  expect(events.map((event) => event.sequence)).toEqual(upTo(sequence));
  expect(events.at(-1)).toMatchObject({ type: state, state });
}

/** Each step came to the one state that it had to come to. */
async function expectOutcomes(look: WorkflowLook, steps: readonly RandomStep[]): Promise<void> {
  const outcomes = outcomesOf(steps);
  const fails = failsAsWhole(steps);
  const { state, error, doneWeight, weight } = await look.row();

  expect(state).toBe(fails ? 'FAILURE' : 'SUCCESS');
  expect(error === null).toBe(!fails);
  if (!fails) expect(doneWeight).toBe(weight);
  for (const [key, step] of await look.steps()) {
    if (fails) expect([outcomes.get(key), 'REVOKED']).toContain(step.state);
    else expect(`${key} ${step.state}`).toBe(`${key} ${outcomes.get(key)}`);
  }
}

/** A workflow that has begun, and chance. */
interface Any {
  look: WorkflowLook;
  steps: readonly RandomStep[];
  random: (below: number) => number;
}

/** Checks a property on random workflows, one after the other. */
async function forAny(service: TestService, check: (any: Any) => Promise<void>): Promise<void> {
  const property = fc.asyncProperty(randomWorkflow(STEPS_MAX), fc.nat(), async (steps, seed) => {
    const { id } = await enqueueWorkflow(service.resources, { name: 'random', steps: steps.map((one) => toSpec(one)) });
    await check({ look: new WorkflowLook(service.database, id), steps, random: openRandom(seed) });
  });
  await fc.assert(property, RUNS);
}

describe('any workflow whose tasks end in any order', { timeout: TIMEOUT_MS }, () => {
  test('comes to its one right end', async ({ service }) => {
    await forAny(service, async ({ look, steps, random }) => {
      await play({ look, sql: service.database.sql, steps, random });

      await expectSound(look);
      await expectOutcomes(look, steps);
    });
  });

  test('comes to it although transactions are broken off at any of their statements', async ({ service }) => {
    await forAny(service, async ({ look, steps, random }) => {
      await play({ look, sql: breakingOff(service.database.sql, random), steps, random });

      await expectSound(look);
      await expectOutcomes(look, steps);
    });
  });

  test('is REVOKED when it is cancelled at any time, and starts nothing afterwards', async ({ service }) => {
    await forAny(service, async ({ look, steps, random }) => {
      let roundsLeft = random(10);
      let cancelled = false;
      const beforeRound = async () => {
        roundsLeft -= 1;
        if (roundsLeft !== 0 || (await look.row()).state !== 'RUNNING') return;
        await cancelWorkflow(service.resources, { id: look.id, reason: 'enough' });
        cancelled = true;
        expect(await look.waiting()).toEqual([]);
      };

      await play({ look, sql: service.database.sql, steps, random, beforeRound });

      await expectSound(look);
      if (cancelled) expect(await look.row()).toMatchObject({ state: 'REVOKED' });
      else await expectOutcomes(look, steps);
    });
  });

  test('succeeds when it is run again and nothing fails any more; what had succeeded is not run again', async ({
    service,
  }) => {
    await forAny(service, async ({ look, steps, random }) => {
      await play({ look, sql: service.database.sql, steps, random });
      fc.pre((await look.row()).state === 'FAILURE');
      const before = await look.steps();

      await retryWorkflow(service.resources, look.id);
      const healed = steps.map((step) => ({ ...step, succeeds: true }));
      await play({ look, sql: service.database.sql, steps: healed, random });

      await expectSound(look);
      expect((await look.row()).state).toBe('SUCCESS');
      for (const [key, step] of await look.steps()) {
        expect(`${key} ${step.state}`).toBe(`${key} SUCCESS`);
        if (before.get(key)?.state === 'SUCCESS') expect(step).toEqual(before.get(key));
      }
    });
  });
});

/** Fails every third transaction or so before one of its statements; one that is tried again then works. */
function breakingOff(sql: SqlPool, random: (below: number) => number): SqlPool {
  return {
    ...sql,
    async transaction(run) {
      let left = random(9);
      const breaking = watchedSql(sql, () => {
        left -= 1;
        if (left === 0) throw new BrokenOff();
      });
      try {
        return await breaking.transaction(run);
      } catch (error) {
        if (!(error instanceof BrokenOff)) throw error;
        return sql.transaction(run);
      }
    },
  };
}

class BrokenOff extends Error {}
