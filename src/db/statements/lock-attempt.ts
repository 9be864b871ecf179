import { statesBefore } from '../../core/task-state.ts';
import { type Sql, stateList, statement } from '../sql.ts';

const LOCK_ATTEMPT = statement(`
  select id from task
  where id = $1 and attempt = $2 and state in (${stateList(statesBefore('PROGRESS'))}) for no key update`);

/**
 * Answers whether an attempt is still its task's current one, after waiting for who is writing the task. It locks, so that
 * it fails where nothing can be written: on a standby.
 */
export async function lockAttempt(sql: Sql, taskId: string, attempt: number): Promise<boolean> {
  const rows = await sql.query(LOCK_ATTEMPT, [taskId, attempt]);
  return rows.length > 0;
}
