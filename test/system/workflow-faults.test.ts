import fc from 'fast-check';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { UserInputError } from '../../src/core/errors.ts';
import { newId } from '../../src/core/ids.ts';
import { cancelWorkflow } from '../../src/operations/cancel-workflow.ts';
import type { WorkflowStepSpec } from '../../src/operations/check-workflow.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { createUser } from '../../src/operations/manage-users.ts';
import { watchWorkflow } from '../../src/operations/watch-workflow.ts';
import type { Service } from '../../src/service.ts';
import { type Database, openDatabase, upTo } from '../db/database.ts';
import { failsAsWhole, outcomesOf, type RandomStep, randomWorkflow, toSpec } from '../operations/random-workflow.ts';
import { WorkflowLook } from '../operations/workflow-run.ts';
import { openTestService } from '../support/core-service.ts';
import type { ManagedProcess } from '../support/managed-process.ts';
import { test, type Taskwire } from '../support/taskwire.ts';

const RUNS = 3;
const WORKFLOWS = { minLength: 8, maxLength: 12 };
const STEPS_MAX = 9;
const TIMEOUT_MS = 240_000;

/** What happens when so many more events of workflows have come. */
interface Fault {
  afterEvents: number;
  what: 'kill -9' | 'FLUSHALL' | 'cancel';
  /** Which workflow, for those that mean one. */
  which: number;
}

const faults = fc.array(
  fc.record({
    afterEvents: fc.integer({ min: 1, max: 25 }),
    what: fc.constantFrom('kill -9', 'FLUSHALL', 'cancel'),
    which: fc.nat(),
  }),
  { minLength: 3, maxLength: 6 },
) satisfies fc.Arbitrary<Fault[]>;

test(
  'workflows come to their one right end although workers are killed, Redis is emptied and some are cancelled in the middle',
  { timeout: TIMEOUT_MS },
  async ({ isolated, services }) => {
    await using service = await open(services);
    const workers = [await isolated.startWorker(), await isolated.startWorker()];
    const plans = fc.array(randomWorkflow(STEPS_MAX), WORKFLOWS);

    await fc.assert(
      fc.asyncProperty(plans, faults, async (plan, planned) => {
        const userId = await newUser(service);
        const looks = await Promise.all(plan.map((steps) => begin(service, steps, userId)));
        const events = follow(service, looks);

        const cancelled = await inflict(planned, { service, looks, events, isolated, workers, ...services });
        await events.ended;

        for (const [index, look] of looks.entries()) {
          await expectRightEnd(look, plan[index] ?? [], service.database, cancelled.has(look));
        }
        expect(await loginsOf(service, userId)).toBe(await countSucceeded(service, looks, 'update-user-stats'));
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  },
);

interface Opened extends AsyncDisposable {
  resources: Service['resources'];
  database: Database;
}

async function open(world: { databaseUrl: string; redisUrl: string; prefix: string }): Promise<Opened> {
  const { resources, close } = await openTestService(world);
  return { resources, database: openDatabase(resources.orm), [Symbol.asyncDispose]: close };
}

async function newUser({ resources }: Opened): Promise<number> {
  const { id } = await createUser(resources, { email: `${newId()}@example.com`, name: 'Ada' });
  return id;
}

async function begin({ resources, database }: Opened, steps: readonly RandomStep[], userId: number) {
  const specs = steps.map((step, position) => specOf(step, position, userId));
  const { id } = await enqueueWorkflow(resources, { name: 'random', steps: specs });
  return new WorkflowLook(database, id);
}

/** Tasks of each kind: one that takes a while, one whose effects are in the database, one that fails at first. */
function specOf(step: RandomStep, position: number, userId: number): WorkflowStepSpec {
  if (!step.succeeds) return { ...toSpec(step, 'fail-times', { times: 100 }), options: { maxAttempts: 1 } };
  const kinds = [
    toSpec(step, 'countdown', { steps: 3, stepMs: 30 }),
    toSpec(step, 'update-user-stats', { userId }),
    toSpec(step, 'fail-times', { times: Math.min(1, step.retries) }),
  ];
  return kinds[position % kinds.length] ?? toSpec(step);
}

/** What comes of all workflows together. */
interface Events {
  /** Resolves when so many more have come, or all workflows have ended. */
  more(count: number): Promise<unknown>;
  /** Resolves when every workflow has ended and its events had no hole. */
  ended: Promise<unknown>;
}

function follow({ resources }: Opened, looks: readonly WorkflowLook[]): Events {
  let left = Number.POSITIVE_INFINITY;
  let reached = Promise.withResolvers<void>();
  const followOne = async ({ id }: WorkflowLook) => {
    const sequences: number[] = [];
    for await (const { sequence } of await watchWorkflow(resources, { id, after: 0 })) {
      sequences.push(sequence);
      left -= 1;
      if (left <= 0) reached.resolve();
    }
    expect(sequences).toEqual(upTo(sequences.length));
  };
  const ended = Promise.all(looks.map(followOne));
  ended.catch(() => undefined); // is awaited later
  return {
    ended,
    more(count) {
      left = count;
      reached = Promise.withResolvers();
      return Promise.race([reached.promise, ended]);
    },
  };
}

interface Scene {
  service: Opened;
  looks: readonly WorkflowLook[];
  events: Events;
  isolated: Taskwire;
  workers: ManagedProcess[];
  redisUrl: string;
}

/** Answers the workflows that were cancelled before they had ended. */
async function inflict(planned: readonly Fault[], scene: Scene): Promise<Set<WorkflowLook>> {
  const { service, looks, events, isolated, workers, redisUrl } = scene;
  const cancelled = new Set<WorkflowLook>();
  for (const { afterEvents, what, which } of planned) {
    await events.more(afterEvents);
    const look = looks[which % looks.length];
    if (what === 'FLUSHALL') await flushAll(redisUrl);
    else if (what === 'cancel' && look && (await isCancelled(service, look))) cancelled.add(look);
    else if (what === 'kill -9') {
      await workers.shift()?.kill();
      workers.push(await isolated.startWorker());
    }
  }
  return cancelled;
}

/** False when it had ended. */
async function isCancelled({ resources }: Opened, { id }: WorkflowLook): Promise<boolean> {
  try {
    await cancelWorkflow(resources, { id, reason: 'by chance' });
    return true;
  } catch (error) {
    if (error instanceof UserInputError && error.code === 'WORKFLOW_ALREADY_FINISHED') return false;
    throw error;
  }
}

async function flushAll(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.flushall();
  redis.disconnect();
}

async function expectRightEnd(
  look: WorkflowLook,
  steps: readonly RandomStep[],
  { run }: Database,
  cancelled: boolean,
): Promise<void> {
  const fails = failsAsWhole(steps);
  const outcomes = outcomesOf(steps);
  const { state, openSteps } = await look.row();

  expect({ state, openSteps }).toEqual({ state: cancelled ? 'REVOKED' : fails ? 'FAILURE' : 'SUCCESS', openSteps: 0 });
  for (const [key, step] of await look.steps()) {
    if (fails || cancelled) expect([outcomes.get(key), 'REVOKED']).toContain(step.state);
    else expect(`${key} ${step.state}`).toBe(`${key} ${outcomes.get(key)}`);
    if (step.taskState !== null) expect(step.taskState).toBe(step.state);
  }
  const tasks = await run<{ tasks: number; steps: number; late: number }>(
    `select count(*)::int as tasks, count(distinct workflow_step)::int as steps,
      (count(*) filter (where t.finished_at is null or t.finished_at > w.finished_at))::int as late
     from task t join workflow w on w.id = t.workflow_id where w.id = $1`,
    [look.id],
  );
  expect(tasks[0]?.tasks).toBe(tasks[0]?.steps);
  expect(tasks[0]?.late).toBe(0);
}

async function countSucceeded({ database }: Opened, looks: readonly WorkflowLook[], task: string): Promise<number> {
  const [row] = await database.run<{ count: number }>(
    `select count(*)::int as count from workflow_step
     where workflow_id = any ($1::uuid[]) and task = $2 and state = 'SUCCESS'`,
    [looks.map(({ id }) => id), task],
  );
  return row?.count ?? 0;
}

async function loginsOf({ database }: Opened, userId: number): Promise<number> {
  const [row] = await database.run<{ logins: number }>('select login_count as logins from app_user where id = $1', [
    userId,
  ]);
  return row?.logins ?? 0;
}
