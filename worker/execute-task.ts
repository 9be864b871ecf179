import type { FencedError } from '../src/core/errors.ts';
import type { ClaimedTask } from '../src/db/statements/claim-tasks.ts';
import { readHistory } from '../src/db/statements/read-history.ts';
import type { SettledTask } from '../src/db/statements/settle-attempts.ts';
import type { Logger } from '../src/logger.ts';
import { announceWorkflows } from '../src/operations/announce-workflows.ts';
import { enqueueTask } from '../src/operations/enqueue-task.ts';
import { AttemptCleanup, attemptFolder, removeFolder } from './attempt-cleanup.ts';
import { claimTask } from './claim-task.ts';
import { LogWriter } from './event-writer.ts';
import { ProgressReporter } from './progress-reporter.ts';
import { publishSettled } from './publish-settled.ts';
import { type Attempt, runAttempt } from './run-attempt.ts';
import type { RunningAttempt } from './running-attempts.ts';
import { openTaskContext } from './task-context.ts';
import { untilAvailable } from './until-available.ts';
import type { WorkerResources } from './worker-resources.ts';

/** What BullMQ is to do with the job. */
export type Execution = { kind: 'done' } | { kind: 'later'; delayMs: number };

/**
 * The pipeline of a task: claim → parse → run → record → publish. It never loses the task: what it cannot finish is looked
 * at again later. Rejects only when the worker's time is over.
 */
export async function executeTask(resources: WorkerResources, id: string, name: string): Promise<Execution> {
  const claim = await claimTask(resources, id, name);
  if (claim.kind === 'later') return claim;
  if (claim.kind === 'ended') await publishEnd(resources, id);
  if (claim.kind !== 'claimed') return { kind: 'done' };

  const { task } = claim;
  const logger = resources.logger.child({ task: task.name, taskId: task.id, attempt: task.attempt });
  publishStarted(resources, task);
  logger.debug('Task started');
  const running = resources.running.begin(task.id);
  const attempt = openAttempt(resources, task, running, logger);
  running.limit(attempt.contract.limits);
  try {
    resources.stepStarts.note(task);
    const { settled, result, news } = await runAttempt(resources, attempt);
    if (settled) publishSettled(resources, settled, result);
    announceWorkflows(resources, news);
    logEnd(logger, task, settled);
    return nextOf(settled);
  } finally {
    resources.running.end(running);
    resources.stepStarts.forget(task.id);
    await cleanUp(attempt);
  }
}

/** What a handler that was given up, or a child that was killed, has left behind. A handler given up may hang in its cleanup. */
async function cleanUp({ contract, cleanup, folder }: Attempt): Promise<void> {
  if (contract.isolation === 'inline') void cleanup.run();
  else await removeFolder(folder);
}

function openAttempt(resources: WorkerResources, task: ClaimedTask, running: RunningAttempt, logger: Logger): Attempt {
  const contract = resources.catalog.find(task.name);
  if (!contract) throw new Error(`expected a contract for the claimed task ${task.name}, got none`);
  const { id: taskId, attempt } = task;
  const writing = { taskId, attempt, onFenced: (error: FencedError) => running.end(error, 0) };
  const progress = new ProgressReporter(resources, writing, (event) => resources.workflowProgress.note(task, event));
  const log = new LogWriter(resources, writing);
  const folder = attemptFolder(resources.tempDir, taskId, attempt);
  const cleanup = new AttemptCleanup(folder, logger);
  return {
    task,
    contract,
    input: task.input,
    running,
    folder,
    logger,
    cleanup,
    report: (report) => progress.report(report),
    recordLine: (line) => log.write(line),
    async flushEvents() {
      await log.flush();
      await progress.flush();
    },
    contextFor: (em) =>
      openTaskContext({
        taskId,
        attempt,
        signal: running.signal,
        logger,
        recordLine: (line) => log.write(line),
        report: (report) => progress.report(report),
        enqueue: (input) => enqueueTask(resources, { ...input, em }),
        cleanup,
        resources: resources.handlerResources,
      }),
  };
}

function publishStarted({ bus }: WorkerResources, { id: taskId, sequence, attempt, startedAt: at }: ClaimedTask): void {
  bus.publish([{ taskId, sequence, type: 'STARTED', at, state: 'STARTED', attempt }]);
}

/** Its worker may have been killed between the commit and the publishing: say it again. */
async function publishEnd(resources: WorkerResources, id: string): Promise<void> {
  const history = await untilAvailable(resources, () => readHistory(resources.sql, id, 0, 0));
  if (history?.terminal) resources.bus.publish([history.terminal]);
}

/** An attempt that was fenced off is looked at again: whoever has the task now may be lost too. */
function nextOf(settled: SettledTask | null): Execution {
  if (!settled) return { kind: 'later', delayMs: 0 };
  return settled.state === 'RETRY' ? { kind: 'later', delayMs: settled.delayMs } : { kind: 'done' };
}

function logEnd(logger: Logger, task: ClaimedTask, settled: SettledTask | null): void {
  const durationMs = Date.now() - Date.parse(task.startedAt);
  if (!settled) return logger.warn({ durationMs }, 'The attempt was no longer current; what it did is dropped');
  const { state, error, delayMs } = settled;
  if (state === 'SUCCESS') logger.info({ durationMs }, 'Task succeeded');
  else if (state === 'RETRY')
    logger.warn({ durationMs, error, delayMs }, `Task failed, tried again: ${error?.message}`);
  else if (state === 'FAILURE') logger.error({ durationMs, error }, `Task failed: ${error?.message}`);
  else logger.info({ durationMs }, 'Task revoked');
}
