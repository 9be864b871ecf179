import { expireTasks, listExpiring } from '../../src/db/statements/end-task.ts';
import { endSteps } from '../../src/operations/advance-workflows.ts';
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
    endSteps(catalog, transaction, workflowIds, async () =>
      (await expireTasks(transaction, ids)).map((task) => ({ ...task, state: 'REVOKED' as const })),
    ),
  );
  bus.publish(
    ended.map(({ id: taskId, sequence, at, error }) => {
      return { taskId, sequence, type: 'REVOKED', at, state: 'REVOKED', attempt: 0, error } as const;
    }),
  );
  announceWorkflows(resources, news);
}
