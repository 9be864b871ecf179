import type { LostAttempt } from '../src/db/statements/worker-heartbeat.ts';
import { endSessions } from '../src/db/statements/worker-heartbeat.ts';
import type { Settlement } from '../src/db/statements/settle-attempts.ts';
import { publishSettled } from './publish-settled.ts';
import { settle } from './settlements.ts';
import type { WorkerResources } from './worker-resources.ts';

/** A task whose workers are lost so many times is taken to be what kills them. */
const LOSSES_MAX = 5;

/**
 * Ends attempts whose worker is lost: the task goes back to its queue, apart from the retry policy's budget, or fails with
 * WORKER_LOST after too many losses. The lost worker's sessions are ended first: if it is only paused, it must not hold
 * locks, and what it writes later is fenced off.
 */
export async function takeOverLost(resources: WorkerResources, lost: readonly LostAttempt[]): Promise<void> {
  if (lost.length === 0) return;
  const workers = [...new Set(lost.map(({ worker }) => worker))];
  await endSessions(resources.sql, workers);
  resources.logger.warn({ workers, tasks: lost.length }, 'Workers are lost; their tasks are taken over');
  const settled = await Promise.all(lost.map((attempt) => settle(resources, settlementOf(attempt))));
  for (const task of settled) if (task) publishSettled(resources, task);
  await dispatchAgain(
    resources,
    settled.filter((task) => task?.state === 'RETRY').map((task) => task?.id ?? ''),
  );
}

function settlementOf({ taskId, attempt, worker, losses, workflowId }: LostAttempt): Settlement {
  const fatal = losses + 1 >= LOSSES_MAX;
  const message = fatal
    ? `The task lost its worker ${losses + 1} times; it is not tried again`
    : `Worker ${worker} was lost while it ran attempt ${attempt}`;
  return {
    taskId,
    attempt,
    state: fatal ? 'FAILURE' : 'RETRY',
    result: null,
    error: { code: 'WORKER_LOST', message, retryable: !fatal },
    delayMs: 0,
    lost: true,
    workflowId,
  };
}

async function dispatchAgain({ dispatcher }: WorkerResources, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  dispatcher.noteUncommitted(ids);
  await dispatcher.dispatchCommitted();
}
