import { type Sql, statement } from '../sql.ts';

const OPEN = statement('select task_id as id from open_task where task_id = any ($1::uuid[])');

/** Those of the tasks that are open. */
export async function findOpenTasks(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  return new Set((await sql.query<{ id: string }>(OPEN, [ids])).map(({ id }) => id));
}
