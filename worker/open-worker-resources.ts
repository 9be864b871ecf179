import { join } from 'node:path';
import type { ServiceConfig } from '../src/config.ts';
import { newId } from '../src/core/ids.ts';
import { Batcher, type BatcherOptions } from '../src/core/batcher.ts';
import { appendEvents } from '../src/db/statements/append-events.ts';
import { claimTasks } from '../src/db/statements/claim-tasks.ts';
import { type SettledTask, settleAttempts, type Settlement } from '../src/db/statements/settle-attempts.ts';
import { startSteps } from '../src/db/statements/start-steps.ts';
import { applicationNameOf } from '../src/db/statements/worker-heartbeat.ts';
import { isDataError, isPostgresUnavailable } from '../src/db/unavailable.ts';
import type { Logger } from '../src/logger.ts';
import { endSteps } from '../src/operations/advance-workflows.ts';
import { announceWorkflows } from '../src/operations/announce-workflows.ts';
import type { CoreService } from '../src/service.ts';
import { handlers } from './handlers/registry.ts';
import { ChildPools } from './isolation/child-pools.ts';
import type { Heartbeat } from './maintenance/heartbeat.ts';
import { openHandlerResources } from './open-handler-resources.ts';
import type { RunningAttempts } from './running-attempts.ts';
import { StepStarts } from './step-starts.ts';
import type { WorkerResources } from './worker-resources.ts';
import { WorkflowProgress } from './workflow-progress.ts';

export interface WorkerResourcesOptions {
  config: ServiceConfig;
  core: CoreService;
  workerId: string;
  running: RunningAttempts;
  heartbeat: Heartbeat;
  stopping: AbortSignal;
  logger: Logger;
}

/** Puts together what running tasks needs. */
export function openWorkerResources(options: WorkerResourcesOptions): WorkerResources {
  const { config, core, workerId, running, heartbeat, stopping, logger } = options;
  const { catalog, dispatcher } = core.resources;
  return {
    ...core.resources,
    ...openBatchers(
      core.resources,
      workerId,
      catalog.contracts.map(({ name }) => name),
    ),
    workerId,
    stepStarts: new StepStarts({
      write: (starts) => startSteps(core.resources.sql, starts),
      publish: (events) => core.resources.bus.publishWorkflow(events),
      logger,
    }),
    workflowProgress: new WorkflowProgress(core.resources, logger),
    running,
    handlers,
    handlerResources: openHandlerResources(config, core.resources),
    children: new ChildPools({ dispatcher, applicationName: applicationNameOf(workerId), logger }),
    tempDir: join(config.dataDir, 'tmp'),
    redis: core.redis,
    keyPrefix: config.keyPrefix,
    newId,
    lostAfterMs: config.workerLostAfterMs,
    mayJudge: () => heartbeat.mayJudge,
    stopping,
    random: Math.random,
    logger,
  };
}

function openBatchers(
  core: CoreService['resources'],
  workerId: string,
  names: readonly string[],
): Pick<WorkerResources, 'claims' | 'settlements' | 'stepSettlements' | 'events'> {
  const { sql } = core;
  // Two at a time: while Postgres works on one batch, the jobs of the other are fetched and finished.
  const options = { runAloneAfter: isDataError, maxItems: 25, maxInFlight: 2 };
  // One at a time: the steps of a workflow would wait for each other's lock on it. A workflow that can't go on, whatever the
  // reason, holds up no other one.
  const stepOptions = { runAloneAfter: (error: unknown) => !isPostgresUnavailable(error) };
  return {
    claims: new Batcher(async (ids: readonly string[]) => {
      const claimed = new Map((await claimTasks(sql, ids, workerId, names)).map((task) => [task.id, task]));
      return ids.map((id) => takeFrom(claimed, id));
    }, options),
    settlements: openSettling((settlements) => settleAttempts(sql, settlements), options),
    stepSettlements: openSettling((settlements) => settleSteps(core, settlements), stepOptions),
    events: new Batcher((events) => appendEvents(sql, events), { runAloneAfter: isDataError }),
  };
}

function openSettling(
  settle: (settlements: readonly Settlement[]) => Promise<SettledTask[]>,
  options: BatcherOptions,
): Batcher<Settlement, SettledTask | null> {
  return new Batcher(async (settlements) => {
    const settled = new Map((await settle(settlements)).map((task) => [task.id, task]));
    return settlements.map(({ taskId, attempt }) => {
      const task = settled.get(taskId);
      return task?.attempt === attempt ? task : null;
    });
  }, options);
}

/** With what follows for their workflows. */
async function settleSteps(core: CoreService['resources'], steps: readonly Settlement[]): Promise<SettledTask[]> {
  const workflowIds = steps.map(({ workflowId }) => workflowId);
  const { ended, news } = await core.sql.transaction((transaction) =>
    endSteps(core.catalog, transaction, workflowIds, () => settleAttempts(transaction, steps)),
  );
  announceWorkflows(core, news);
  return ended;
}

/** Two jobs may bring the same task at the same time; one of them gets it. */
function takeFrom<T>(byId: Map<string, T>, id: string): T | null {
  const value = byId.get(id);
  byId.delete(id);
  return value ?? null;
}
