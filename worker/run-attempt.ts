import { FencedError, SoftTimeLimitExceeded } from '../src/core/errors.ts';
import type { ProgressReport } from '../src/core/progress.ts';
import type { ClaimedTask } from '../src/db/statements/claim-tasks.ts';
import type { SettledTask, Settlement } from '../src/db/statements/settle-attempts.ts';
import type { Logger } from '../src/logger.ts';
import { NO_NEWS, type WorkflowNews } from '../src/operations/advance-workflows.ts';
import type { RunningAttempt } from './running-attempts.ts';
import { type HandlerRun, runHandler, unwrapThrown } from './run-handler.ts';
import { failureOf, settle, successOf } from './settlements.ts';
import { runUnitOfWork } from './unit-of-work.ts';
import { untilAvailable } from './until-available.ts';
import type { WorkerResources } from './worker-resources.ts';

/** One attempt with all that belongs to it. */
export interface Attempt extends HandlerRun {
  task: ClaimedTask;
  running: RunningAttempt;
  /** Of its temporary files. */
  folder: string;
  logger: Logger;
  /** For a child, which has no context of this process. */
  report(report: ProgressReport): void;
  recordLine(line: string): void;
  /** Writes what the attempt has reported so far. */
  flushEvents(): Promise<void>;
}

/** How the attempt was recorded; null when it is not the task's current one any more. */
export interface RecordedAttempt {
  settled: SettledTask | null;
  result: unknown;
  /** Of the workflow that the task is a step of, as far as it was not announced yet. */
  news: WorkflowNews;
}

/** Runs an attempt's handler and records how it ended, whatever happens. Waits for Postgres. */
export async function runAttempt(resources: WorkerResources, attempt: Attempt): Promise<RecordedAttempt> {
  try {
    return await runnerOf(attempt)(resources, attempt);
  } catch (thrown) {
    if (thrown instanceof FencedError) return { settled: null, result: null, news: NO_NEWS };
    return recordFailure(resources, attempt, unwrapThrown(thrown));
  }
}

type Runner = (resources: WorkerResources, attempt: Attempt) => Promise<RecordedAttempt>;

function runnerOf({ contract }: Attempt): Runner {
  if (contract.isolation !== 'inline') return runIsolated;
  return contract.kind === 'database' ? runDatabaseTask : runPlainTask;
}

async function runPlainTask(resources: WorkerResources, attempt: Attempt): Promise<RecordedAttempt> {
  return recordSuccess(resources, attempt, await whileWanted(attempt, runHandler(resources.handlers, attempt)));
}

function runDatabaseTask(resources: WorkerResources, attempt: Attempt): Promise<RecordedAttempt> {
  return runUnitOfWork(resources, {
    orm: resources.orm,
    catalog: resources.catalog,
    task: attempt.task,
    run: (em) => whileWanted(attempt, runHandler(resources.handlers, attempt, em)),
    flushEvents: attempt.flushEvents,
  });
}

/** In a child: the unit of work of a database task is recorded there, in its own transaction. */
async function runIsolated(resources: WorkerResources, attempt: Attempt): Promise<RecordedAttempt> {
  const outcome = await resources.children.run(attempt);
  if (outcome.kind === 'recorded') return outcome;
  attempt.running.throwIfEnding();
  return recordSuccess(resources, attempt, outcome.result);
}

/** A handler's result counts only as long as nobody has wished the attempt to end; past its grace it is given up. */
async function whileWanted({ running }: Attempt, handled: Promise<unknown>): Promise<unknown> {
  const result = await Promise.race([handled, running.abandoned]);
  running.throwIfEnding();
  return result;
}

async function recordSuccess(resources: WorkerResources, attempt: Attempt, result: unknown): Promise<RecordedAttempt> {
  const settled = await record(resources, attempt, successOf(attempt.task, result));
  return { settled, result, news: NO_NEWS };
}

async function recordFailure(resources: WorkerResources, attempt: Attempt, thrown: unknown): Promise<RecordedAttempt> {
  const { task, contract, running } = attempt;
  const reason: unknown = running.signal.reason;
  const overtime = reason instanceof SoftTimeLimitExceeded ? reason : undefined;
  const settlement = failureOf({
    task,
    contract,
    thrown,
    ending: running.ending,
    overtime,
    random: resources.random(),
  });
  return { settled: await record(resources, attempt, settlement), result: null, news: NO_NEWS };
}

async function record(
  resources: WorkerResources,
  { flushEvents }: Attempt,
  settlement: Settlement,
): Promise<SettledTask | null> {
  await flushEvents();
  return untilAvailable(resources, () => settle(resources, settlement));
}
