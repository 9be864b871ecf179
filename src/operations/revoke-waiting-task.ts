import type { TaskRow } from '../db/entities/task.ts';
import { revokeWaiting } from '../db/statements/end-task.ts';
import { type AnnounceResources, announceWorkflows } from './announce-workflows.ts';
import { endSteps, revokedEvent } from './advance-workflows.ts';
import type { ServiceResources } from './resources.ts';

/**
 * Ends a task that does not run at this moment, with what follows for the workflow that it is a step of, tells who follows
 * it, and takes its job away. Answers whether it did not run.
 */
export async function revokeWaitingTask(
  resources: AnnounceResources & Pick<ServiceResources, 'sql' | 'catalog'>,
  task: TaskRow,
  reason: string | null,
): Promise<boolean> {
  const { sql, catalog, bus, queues } = resources;
  const { ended, news } = await sql.transaction((transaction) =>
    endSteps(catalog, transaction, [task.workflowId ?? null], () => revokeWaiting(transaction, [task.id], reason)),
  );
  bus.publish(ended.map(revokedEvent));
  announceWorkflows(resources, news);
  await Promise.all(ended.map((revoked) => queues.remove(revoked)));
  return ended.length > 0;
}
