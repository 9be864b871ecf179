import type { TaskContract } from '../src/core/define-task.ts';
import { type SoftTimeLimitExceeded, TaskCancelled, WorkerStopping } from '../src/core/errors.ts';
import { toFailure, toTaskError } from '../src/core/failure.ts';
import { decideRetry } from '../src/core/retry-policy.ts';
import type { ClaimedTask } from '../src/db/statements/claim-tasks.ts';
import type { SettledTask, Settlement } from '../src/db/statements/settle-attempts.ts';
import type { Ending } from './running-attempts.ts';
import type { WorkerResources } from './worker-resources.ts';

/** The end of an attempt whose handler returned. */
export function successOf({ id, attempt, workflowId }: EndingTask, result: unknown): Settlement {
  return { taskId: id, attempt, state: 'SUCCESS', result, error: null, delayMs: 0, lost: false, workflowId };
}

/** Which attempt of which task ends. */
export type EndingTask = Pick<ClaimedTask, 'id' | 'attempt' | 'workflowId'>;

export interface FailedRun {
  task: ClaimedTask;
  contract: TaskContract;
  /** What the handler threw, or how its child ended. */
  thrown: unknown;
  /** Why the attempt had to end; it says more than what was thrown then. */
  ending: Ending | undefined;
  /** The soft time limit, if that fired the signal. */
  overtime: SoftTimeLimitExceeded | undefined;
  /** 0 ≤ random < 1. */
  random: number;
}

/** The end of an attempt that did not succeed: as it was told to end, or as the retry policy decides. */
export function failureOf({ task, contract, thrown, ending, overtime, random }: FailedRun): Settlement {
  const { id: taskId, attempt, workflowId } = task;
  const base = { taskId, attempt, result: null, delayMs: 0, lost: false, workflowId };
  const failure = toFailure(ending ?? overtime ?? thrown);
  if (ending instanceof TaskCancelled) return { ...base, state: 'REVOKED', error: toTaskError(failure, false) };
  if (ending instanceof WorkerStopping)
    return { ...base, state: 'RETRY', error: toTaskError(failure, true), lost: true };
  const decision = decideRetry({
    policy: contract.retry,
    failure,
    failures: task.failures + 1,
    maxAttempts: task.maxAttempts,
    attemptsAsked: task.attemptsAsked,
    random,
  });
  if (!decision.retry) return { ...base, state: 'FAILURE', error: toTaskError(failure, !failure.permanent) };
  return { ...base, state: 'RETRY', error: toTaskError(failure, true), delayMs: decision.delayMs };
}

/** Records the end of an attempt; null when it is not the task's current one any more. */
export function settle(
  { settlements, stepSettlements }: Pick<WorkerResources, 'settlements' | 'stepSettlements'>,
  settlement: Settlement,
): Promise<SettledTask | null> {
  return (settlement.workflowId === null ? settlements : stepSettlements).add(settlement);
}
