import { isTerminal } from '../src/core/task-state.ts';
import { type ClaimedTask, inspectUnclaimed, type UnclaimedTask } from '../src/db/statements/claim-tasks.ts';
import { parkTask, someWorkerKnows } from '../src/db/statements/park-tasks.ts';
import { listLostAttempts } from '../src/db/statements/worker-heartbeat.ts';
import { rateLimitWait } from './rate-limit.ts';
import { takeOverLost } from './take-over-lost.ts';
import { untilAvailable } from './until-available.ts';
import type { WorkerResources } from './worker-resources.ts';

/** What a worker may do with a task that BullMQ gave it. */
export type Claim =
  | { kind: 'claimed'; task: ClaimedTask }
  /** It has ended: its job is left over. */
  | { kind: 'ended'; id: string }
  | { kind: 'missing' }
  /** No worker knows it: its job goes, the task stays. */
  | { kind: 'parked' }
  /** Its time has not come, or another worker runs it: look again after `delayMs`. */
  | { kind: 'later'; delayMs: number };

const LOOK_AGAIN_MIN_MS = 100;
const UNKNOWN_TASK_WAIT_MS = 1000;
/** The expiry is recorded by a loop of its own. */
const EXPIRY_WAIT_MS = 1000;

/** Claims a task for one attempt, after taking it from a lost worker if need be. Waits for Postgres. */
export async function claimTask(resources: WorkerResources, id: string, name: string): Promise<Claim> {
  const waitMs = await rateLimitWait(resources, name);
  if (waitMs > 0) return { kind: 'later', delayMs: waitMs };
  const task = await untilAvailable(resources, () => resources.claims.add(id));
  if (task) return { kind: 'claimed', task };
  const unclaimed = await untilAvailable(resources, () => inspectUnclaimed(resources.sql, id));
  if (!unclaimed) return { kind: 'missing' };
  if (isTerminal(unclaimed.state)) return { kind: 'ended', id };
  if (unclaimed.expired) return { kind: 'later', delayMs: EXPIRY_WAIT_MS };
  if (!resources.catalog.find(unclaimed.name)) return leaveToOthers(resources, unclaimed);
  if (isLost(resources, unclaimed)) {
    await untilAvailable(resources, async () =>
      takeOverLost(resources, await listLostAttempts(resources.sql, resources.lostAfterMs, id)),
    );
    return { kind: 'later', delayMs: LOOK_AGAIN_MIN_MS };
  }
  return { kind: 'later', delayMs: waitFor(resources, unclaimed) };
}

/**
 * A task that this worker does not know stays in its queue for one that does. If there is none, it is parked: out of the
 * queue, but open, until a worker registers that knows it.
 */
async function leaveToOthers(resources: WorkerResources, { id, name, queue }: UnclaimedTask): Promise<Claim> {
  const { sql, lostAfterMs, logger } = resources;
  const known = await untilAvailable(resources, () => someWorkerKnows(sql, name, queue, lostAfterMs));
  if (known) return { kind: 'later', delayMs: UNKNOWN_TASK_WAIT_MS };
  logger.warn({ task: name, taskId: id }, 'No worker has a handler for the task; it is parked until one registers');
  await untilAvailable(resources, () => parkTask(sql, id));
  return { kind: 'parked' };
}

function isRunning({ state }: UnclaimedTask): boolean {
  return state === 'STARTED' || state === 'PROGRESS';
}

function isLost({ lostAfterMs, mayJudge }: WorkerResources, task: UnclaimedTask): boolean {
  return isRunning(task) && (task.silentMs === null || task.silentMs > lostAfterMs) && mayJudge();
}

/** The job stays as a watchdog: if the worker that runs the task is lost by then, it is taken over. */
function waitFor({ lostAfterMs }: WorkerResources, task: UnclaimedTask): number {
  return Math.max(LOOK_AGAIN_MIN_MS, isRunning(task) ? lostAfterMs / 2 : task.dueInMs);
}
