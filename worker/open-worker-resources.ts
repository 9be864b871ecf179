import { join } from 'node:path';
import type { ServiceConfig } from '../src/config.ts';
import { newId } from '../src/core/ids.ts';
import { Batcher } from '../src/core/batcher.ts';
import { appendEvents } from '../src/db/statements/append-events.ts';
import { claimTasks } from '../src/db/statements/claim-tasks.ts';
import { type SettledTask, settleAttempts, type Settlement } from '../src/db/statements/settle-attempts.ts';
import { startSteps } from '../src/db/statements/start-steps.ts';
import { applicationNameOf } from '../src/db/statements/worker-heartbeat.ts';
import { isDataError } from '../src/db/unavailable.ts';
import type { Logger } from '../src/logger.ts';
import { endSteps } from '../src/operations/advance-workflows.ts';
import { announceWorkflows } from '../src/operations/announce-workflows.ts';
import type { CoreService } from '../src/service.ts';
import { handlers } from './handlers/registry.ts';
import { ChildPools } from './isolation/child-pools.ts';
import type { Heartbeat } from './maintenance/heartbeat.ts';
import { openHandlerResources } from './open-handler-resources.ts';
import type { RunningAttempts } from './running-attempts.ts';
import type { WorkerResources } from './worker-resources.ts';

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
): Pick<WorkerResources, 'claims' | 'settlements' | 'events' | 'stepStarts'> {
  const { sql } = core;
  // Two at a time: while Postgres works on one batch, the jobs of the other are fetched and finished.
  const options = { runAloneAfter: isDataError, maxItems: 25, maxInFlight: 2 };
  return {
    claims: new Batcher(async (ids: readonly string[]) => {
      const claimed = new Map((await claimTasks(sql, ids, workerId, names)).map((task) => [task.id, task]));
      return ids.map((id) => takeFrom(claimed, id));
    }, options),
    settlements: new Batcher(async (settlements) => {
      const settled = new Map((await settleAll(core, settlements)).map((task) => [task.id, task]));
      return settlements.map(({ taskId, attempt }) => {
        const task = settled.get(taskId);
        return task?.attempt === attempt ? task : null;
      });
    }, options),
    events: new Batcher((events) => appendEvents(sql, events), { runAloneAfter: isDataError }),
    stepStarts: new Batcher(async (starts) => {
      core.bus.publishWorkflow(await startSteps(sql, starts));
      return starts.map(() => undefined);
    }, options),
  };
}

/** Steps of workflows apart from the other tasks, which need no transaction of several statements. */
async function settleAll(core: CoreService['resources'], settlements: readonly Settlement[]): Promise<SettledTask[]> {
  const { sql, catalog } = core;
  const plain = settlements.filter(({ workflowId }) => workflowId === null);
  const steps = settlements.filter(({ workflowId }) => workflowId !== null);
  const settled = plain.length === 0 ? [] : await settleAttempts(sql, plain);
  if (steps.length === 0) return settled;
  const workflowIds = steps.map(({ workflowId }) => workflowId);
  const { ended, news } = await sql.transaction((transaction) =>
    endSteps(catalog, transaction, workflowIds, () => settleAttempts(transaction, steps)),
  );
  announceWorkflows(core, news);
  return [...settled, ...ended];
}

/** Two jobs may bring the same task at the same time; one of them gets it. */
function takeFrom<T>(byId: Map<string, T>, id: string): T | null {
  const value = byId.get(id);
  byId.delete(id);
  return value ?? null;
}
