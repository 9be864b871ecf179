import { expireTasks, listExpiring } from '../../src/db/statements/end-task.ts';
import { endSteps, revokedEvent } from '../../src/operations/advance-workflows.ts';
import { announceWorkflows } from '../../src/operations/announce-workflows.ts';
import type { WorkerResources } from '../worker-resources.ts';

const BATCH = 500;

/** Ends tasks that were not started before they expired. */
export async function endExpiredTasks(resources: WorkerResources): Promise<void> {
  const { sql, catalog, bus } = resources;
  const due = await listExpiring(sql, BATCH);
  if (due.length === 0) return;
  const ids = due.map(({ id }) => id);
  const workflowIds = due.map(({ workflowId }) => workflowId);
  const { ended, news } = await sql.transaction((transaction) =>
    endSteps(catalog, transaction, workflowIds, () => expireTasks(transaction, ids)),
  );
  bus.publish(ended.map(revokedEvent));
  announceWorkflows(resources, news);
}
