import { isId } from '../core/ids.ts';
import { Task, type TaskRow } from '../db/entities/task.ts';
import type { NewTask } from '../db/statements/insert-tasks.ts';
import type { ServiceResources } from './resources.ts';

/** Finds a task; null for an unknown id, also for one that is no id at all. */
export async function getTask({ orm }: Pick<ServiceResources, 'orm'>, id: string): Promise<TaskRow | null> {
  if (!isId(id)) return null;
  return orm.em.fork().findOne(Task, { id });
}

/** Finds tasks; in the order of the ids, without those that are gone. */
export async function getTasks({ orm }: Pick<ServiceResources, 'orm'>, ids: readonly string[]): Promise<TaskRow[]> {
  if (ids.length === 0) return [];
  const rows = await orm.em.fork().find(Task, { id: { $in: [...ids] } });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id)).filter((row) => row !== undefined);
}

/** The row of a task that was inserted a moment ago, without asking Postgres for it. */
export function rowOfNewTask(task: NewTask): TaskRow {
  return {
    ...task,
    tags: [...task.tags],
    state: 'PENDING',
    result: null,
    error: null,
    progress: null,
    run: 1,
    attempt: 0,
    failures: 0,
    losses: 0,
    sequence: 1,
    startedSequence: null,
    worker: null,
    startedAt: null,
    attemptStartedAt: null,
    finishedAt: null,
    cancelRequestedAt: null,
    cancelReason: null,
    cancelForce: false,
  };
}
