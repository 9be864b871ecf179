import { DriverException } from '@mikro-orm/core';
import type { TaskContract } from '../src/core/define-task.ts';
import { FailPermanently, FencedError, TaskCancelled, toTaskError, WorkerStopping } from '../src/core/errors.ts';
import { decideRetry } from '../src/core/retry-policy.ts';
import type { EntityManager } from '../src/db/orm.ts';
import { transactionSql } from '../src/db/sql.ts';
import type { ClaimedTask } from '../src/db/statements/claim-tasks.ts';
import { type SettledTask, settleAttempts, type Settlement } from '../src/db/statements/settle-attempts.ts';
import type { ProgressReporter } from './progress-reporter.ts';
import type { RunningAttempt } from './running-attempts.ts';
import type { TaskContext } from './task-handler.ts';
import { untilAvailable } from './until-available.ts';
import type { WorkerResources } from './worker-resources.ts';

/** One attempt with all that belongs to it. */
export interface Attempt {
  task: ClaimedTask;
  contract: TaskContract;
  running: RunningAttempt;
  progress: ProgressReporter;
  /** The context of the handler; `em` is that of a database task. */
  contextFor(em: EntityManager | undefined): TaskContext;
}

/** How the attempt was recorded; null when it is not the task's current one any more. */
export interface RecordedAttempt {
  settled: SettledTask | null;
  result: unknown;
}

/** Tells what a handler threw from what Taskwire's own statements threw around it. */
class HandlerThrew extends Error {
  constructor(cause: unknown) {
    super('The handler threw', { cause });
  }
}

type AnyHandler = (...args: unknown[]) => Promise<unknown>;

/** Runs an attempt's handler and records how it ended, whatever happens. Waits for Postgres. */
export async function runAttempt(resources: WorkerResources, attempt: Attempt): Promise<RecordedAttempt> {
  const run = attempt.contract.kind === 'database' ? runInUnitOfWork : runPlain;
  try {
    return await run(resources, attempt);
  } catch (thrown) {
    if (thrown instanceof FencedError) return { settled: null, result: null };
    return recordFailure(resources, attempt, thrown instanceof HandlerThrew ? thrown.cause : thrown);
  }
}

async function runPlain(resources: WorkerResources, attempt: Attempt): Promise<RecordedAttempt> {
  const result = await runHandler(resources, attempt, []);
  await attempt.progress.flush();
  const settled = await untilAvailable(resources, () => resources.settlements.add(successOf(attempt, result)));
  return { settled, result };
}

/**
 * What the handler wrote, its result and SUCCESS commit together or not at all. When Postgres goes away in the middle, the
 * whole unit of work is done again: nothing of it has happened, or the fence shows that all of it has.
 */
function runInUnitOfWork(resources: WorkerResources, attempt: Attempt): Promise<RecordedAttempt> {
  return untilAvailable(resources, () =>
    resources.orm.em.fork().transactional(async (em) => {
      const result = await runHandler(resources, attempt, [em]);
      await em.flush();
      await attempt.progress.flush();
      const [settled] = await settleAttempts(transactionSql(em), [successOf(attempt, result)]);
      if (!settled) throw new FencedError(attempt.task.id, attempt.task.attempt);
      return { settled, result };
    }),
  );
}

/** Parses the payload, runs the handler until it ends or is given up, and parses its result. */
async function runHandler(
  { handlers }: WorkerResources,
  { task, contract, running, contextFor }: Attempt,
  [em]: [EntityManager?],
): Promise<unknown> {
  const payload = contract.input.safeParse(task.input);
  if (!payload.success) throw new FailPermanently('PAYLOAD_INVALID', payload.error.message);
  const handler = handlers[contract.name as keyof typeof handlers] as AnyHandler;
  const context = contextFor(em);
  const handled = em ? handler(em, payload.data, context) : handler(payload.data, context);
  const returned = await Promise.race([handled, running.abandoned]).catch(markThrown);
  running.signal.throwIfAborted();
  const result = contract.output.safeParse(returned);
  if (!result.success) throw new FailPermanently('RESULT_INVALID', result.error.message);
  return result.data;
}

/** An error of the database stays what it is: when Postgres was away, the unit of work is done again. */
function markThrown(thrown: unknown): never {
  throw thrown instanceof DriverException ? thrown : new HandlerThrew(thrown);
}

function successOf({ task }: Attempt, result: unknown): Settlement {
  const { id: taskId, attempt } = task;
  return { taskId, attempt, state: 'SUCCESS', result, error: null, delayMs: 0, lost: false };
}

async function recordFailure(resources: WorkerResources, attempt: Attempt, thrown: unknown): Promise<RecordedAttempt> {
  await attempt.progress.flush();
  const settlement = failureOf(resources, attempt, thrown);
  const settled = await untilAvailable(resources, () => resources.settlements.add(settlement));
  return { settled, result: null };
}

/** Why the attempt was aborted says more than what the handler threw then. */
function failureOf({ random }: WorkerResources, { task, running }: Attempt, thrown: unknown): Settlement {
  const base = { taskId: task.id, attempt: task.attempt, result: null, delayMs: 0, lost: false };
  const cause: unknown = running.signal.aborted ? running.signal.reason : thrown;
  if (cause instanceof TaskCancelled) return { ...base, state: 'REVOKED', error: toTaskError(cause, false) };
  if (cause instanceof WorkerStopping) {
    return { ...base, state: 'RETRY', error: toTaskError(cause, true), lost: true };
  }
  const decision = decideRetry({
    thrown,
    failures: task.failures + 1,
    maxAttempts: task.maxAttempts,
    random: random(),
  });
  const error = toTaskError(thrown, !(thrown instanceof FailPermanently));
  if (!decision.retry) return { ...base, state: 'FAILURE', error };
  return { ...base, state: 'RETRY', error, delayMs: decision.delayMs };
}
