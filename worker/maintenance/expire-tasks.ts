import { expireTasks } from '../../src/db/statements/end-task.ts';
import type { WorkerResources } from '../worker-resources.ts';

const BATCH = 500;

/** Ends tasks that were not started before they expired. */
export async function endExpiredTasks({ sql, bus }: WorkerResources): Promise<void> {
  const expired = await expireTasks(sql, BATCH);
  const error = { code: 'EXPIRED', message: 'The task was not started before it expired', retryable: false };
  bus.publish(
    expired.map(({ id: taskId, sequence, at }) => {
      return { taskId, sequence, type: 'REVOKED', at, state: 'REVOKED', attempt: 0, error } as const;
    }),
  );
}
