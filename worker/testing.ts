import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { z } from 'zod';
import type { PayloadInput, TaskContract } from '../src/core/define-task.ts';
import { SoftTimeLimitExceeded, userError } from '../src/core/errors.ts';
import { toFailure } from '../src/core/failure.ts';
import type { ProgressReport } from '../src/core/progress.ts';
import { decideRetry } from '../src/core/retry-policy.ts';
import type { EntityManager } from '../src/db/orm.ts';
import { payloadProblems } from '../src/operations/enqueue-task.ts';
import { AttemptCleanup } from './attempt-cleanup.ts';
import { handlers } from './handlers/registry.ts';
import { runHandler, unwrapThrown } from './run-handler.ts';
import { RunningAttempt } from './running-attempts.ts';
import type { HandlerRegistry, HandlerResources, TaskContext, TaskHandler } from './task-handler.ts';
import { openTaskLogger } from './task-logger.ts';
import type { StepFunction } from './task-steps.ts';

/** How {@link runTask} runs a task. */
export interface RunTaskOptions<C extends TaskContract> {
  /** Default: that of the registry. */
  handler?: TaskHandler<C>;
  /** Whether a failed attempt is followed by others, as the contract's retry policy says, without waiting; default false. */
  retries?: boolean;
  /** What the handler may use of the outside; using what is not given throws a `TypeError`. */
  resources?: Partial<HandlerResources>;
}

/** A task that a handler enqueued; it is noted and not run. */
export interface EnqueuedInTest {
  name: string;
  payload: unknown;
}

/** How a task went. */
export interface TaskRun<C extends TaskContract> {
  result: z.output<C['output']>;
  /** How many attempts it took. */
  attempts: number;
  /** All reports, not coalesced. */
  progress: ProgressReport[];
  /** The lines of its log from level info up. */
  lines: string[];
  enqueued: EnqueuedInTest[];
  /** What its steps returned, by key. */
  steps: Map<string, unknown>;
}

/**
 * Runs a plain task at once in this process, with validation and time limits, and without Redis or Postgres: what
 * `.apply(throw=True)` is in Celery. Steps are remembered between the attempts of one call.
 *
 * Throws a `UserInputError` with PAYLOAD_INVALID, what the handler threw last, and `HardTimeLimitExceeded`.
 */
export function runTask<C extends TaskContract<string, z.ZodObject, z.ZodObject, 'plain'>>(
  contract: C,
  payload: PayloadInput<C>,
  options: RunTaskOptions<C> = {},
): Promise<TaskRun<C>> {
  return runAttempts(contract, payload, options, undefined);
}

/**
 * As {@link runTask}, with an EntityManager that is in a transaction of the test: a database task gets it, steps get it too,
 * and what they do can be rolled back in the end. A retry goes on in the same transaction.
 *
 * Throws a `TypeError` when `em` is in no transaction.
 */
export async function runTaskWithDb<C extends TaskContract>(
  em: EntityManager,
  contract: C,
  payload: PayloadInput<C>,
  options: RunTaskOptions<C> = {},
): Promise<TaskRun<C>> {
  if (!em.isInTransaction()) throw new TypeError('expected an EntityManager inside a transaction, got one outside');
  return runAttempts(contract, payload, options, em);
}

async function runAttempts<C extends TaskContract>(
  contract: C,
  payload: PayloadInput<C>,
  options: RunTaskOptions<C>,
  em: EntityManager | undefined,
): Promise<TaskRun<C>> {
  const [problem] = payloadProblems(contract, payload);
  if (problem) throw userError(problem.code, problem.message, problem.path);
  const notes: Omit<TaskRun<C>, 'result' | 'attempts'> = { progress: [], lines: [], enqueued: [], steps: new Map() };
  const taskId = randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await runOnce(contract, { payload, options, em, notes, taskId, attempt });
      return { ...notes, result: result as z.output<C['output']>, attempts: attempt };
    } catch (thrown) {
      if (!options.retries || !isRetried(contract, thrown, attempt)) throw thrown;
    }
  }
}

function isRetried(contract: TaskContract, thrown: unknown, failures: number): boolean {
  const { retry: policy, attempts } = contract;
  const failure = toFailure(thrown);
  return decideRetry({ policy, failure, failures, maxAttempts: attempts, attemptsAsked: false, random: 0 }).retry;
}

interface OneRun<C extends TaskContract> {
  payload: unknown;
  options: RunTaskOptions<C>;
  em: EntityManager | undefined;
  notes: Omit<TaskRun<C>, 'result' | 'attempts'>;
  taskId: string;
  attempt: number;
}

async function runOnce<C extends TaskContract>(contract: C, run: OneRun<C>): Promise<unknown> {
  const { payload, options, em, notes, taskId, attempt } = run;
  const running = new RunningAttempt(taskId);
  const logger = pino({ level: 'silent' });
  const cleanup = new AttemptCleanup(join(tmpdir(), `taskwire-${taskId}-${attempt}`), logger);
  const context: TaskContext = {
    taskId,
    attempt,
    signal: running.signal,
    logger: openTaskLogger(logger, (line) => notes.lines.push(line)),
    progress: (current, total, message) => notes.progress.push({ current, total, message }),
    enqueue: async ({ name }, given) => {
      notes.enqueued.push({ name, payload: given });
      return { id: randomUUID(), duplicate: false };
    },
    step: (key, step) => stepInMemory(notes.steps, key, step, em),
    cleanup: (step) => cleanup.add(step),
    tempFile: (name) => cleanup.tempFile(name),
    resources: onlyGiven(options.resources ?? {}),
  };
  const registry = options.handler ? ({ [contract.name]: options.handler } as unknown as HandlerRegistry) : handlers;
  running.limit(contract.limits);
  try {
    const handled = runHandler(
      registry,
      { contract, input: payload, contextFor: () => context, cleanup },
      contract.kind === 'database' ? requireEm(contract, em) : undefined,
    );
    return await Promise.race([handled, running.abandoned]);
  } catch (thrown) {
    if (running.signal.reason instanceof SoftTimeLimitExceeded && !running.ending) throw running.signal.reason;
    throw unwrapThrown(thrown);
  } finally {
    running.close();
    await cleanup.run(); // of a handler that was given up
  }
}

function requireEm({ name }: TaskContract, em: EntityManager | undefined): EntityManager {
  if (em) return em;
  throw new TypeError(`${name} is a database task: expected it to be run with runTaskWithDb, got runTask`);
}

async function stepInMemory<T>(
  steps: Map<string, unknown>,
  key: string,
  run: StepFunction<T>,
  em: EntityManager | undefined,
): Promise<T> {
  if (steps.has(key)) return steps.get(key) as T;
  if (run.length > 0 && !em) throw new TypeError(`step ${key} takes an EntityManager: run the task with runTaskWithDb`);
  const value = await (run as (given?: EntityManager) => Promise<T> | T)(em);
  await em?.flush();
  steps.set(key, JSON.parse(JSON.stringify(value ?? null)));
  return value;
}

/** Says which resource a test has to give, instead of failing with undefined. */
function onlyGiven(given: Partial<HandlerResources>): HandlerResources {
  return new Proxy(given, {
    get(target, name) {
      if (name in target) return target[name as keyof HandlerResources];
      throw new TypeError(
        `the handler uses resources.${String(name)}: give it to runTask as resources: { ${String(name)} }`,
      );
    },
  }) as HandlerResources;
}
