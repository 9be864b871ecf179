import { expect } from 'vitest';
import { appendEvents } from '../../src/db/statements/append-events.ts';
import { requestCancel } from '../../src/db/statements/end-task.ts';
import { type Database, test, upTo } from './database.ts';

const TASKS = 100;
const REPORTS = 5;

/** Takes a task through its life: claimed, five reports, a wish to cancel it, its end. */
async function live(database: Database, taskId: string): Promise<void> {
  await database.start(taskId);
  for (const current of upTo(REPORTS)) {
    const at = new Date().toISOString();
    const progress = { current, total: REPORTS, percent: 20 * current, message: 'x'.repeat(current), at };
    const derived = { ...progress, ratePerSecond: null, etaSeconds: null };
    await appendEvents(database.sql, [{ taskId, attempt: 1, type: 'PROGRESS', progress: derived, message: null, at }]);
  }
  await requestCancel(database.sql, [taskId], 'late');
  await database.settle({ taskId, attempt: 1, state: 'SUCCESS', result: { done: true } });
}

/** Updates of a table so far, and how many of them wrote no index. */
async function updatesOf({ run }: Database, table: string): Promise<{ all: number; hot: number }> {
  await run('select pg_stat_force_next_flush()');
  const [row] = await run<{ all: number; hot: number }>(
    `select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = $1`,
    [table],
  );
  return row ?? { all: 0, hot: 0 };
}

test('while a task runs and when it ends, no index of `task` is written', async ({ database }) => {
  const tasks = await Promise.all(upTo(TASKS).map(() => database.enqueue({ tags: ['a'], idempotencyKey: null })));
  const before = await updatesOf(database, 'task');

  for (const { id } of tasks) await live(database, id);

  const updates = TASKS * (1 + REPORTS + 1 + 1);
  await expect.poll(async () => (await updatesOf(database, 'task')).all - before.all).toBe(updates);
  const after = await updatesOf(database, 'task');
  expect((after.hot - before.hot) / updates).toBeGreaterThan(0.9);
});
