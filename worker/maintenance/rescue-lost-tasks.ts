import { forgetWorkers, listLostAttempts } from '../../src/db/statements/worker-heartbeat.ts';
import { takeOverLost } from '../take-over-lost.ts';
import type { WorkerResources } from '../worker-resources.ts';

/** Takes over the tasks of workers that have not been heard of for too long. */
export async function rescueLostTasks(resources: WorkerResources): Promise<void> {
  if (!resources.mayJudge()) return;
  await takeOverLost(resources, await listLostAttempts(resources.sql, resources.lostAfterMs, null));
  await forgetWorkers(resources.sql);
}
