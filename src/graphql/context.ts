import { Batcher } from '../core/batcher.ts';
import type { TaskRow } from '../db/entities/task.ts';
import { getTasks } from '../operations/get-task.ts';
import type { ServiceResources } from '../operations/resources.ts';

const LOADS_IN_FLIGHT = 4;

/** What resolvers get, the same over HTTP, SSE and websockets: a new one for each operation. */
export interface GraphQLContext {
  resources: ServiceResources;
  /** Whose operation it is; empty without authentication. */
  owner: string;
  /** Finds a task as it is now; null when it is gone. What is asked for at the same time is one query. */
  loadTask(id: string): Promise<TaskRow | null>;
}

/** Makes the contexts of a process. */
export function openContexts(resources: ServiceResources): () => GraphQLContext {
  const load = async (ids: readonly string[]) => {
    const rows = await getTasks(resources, [...new Set(ids)]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id) ?? null);
  };
  const loads = new Batcher<string, TaskRow | null>(load, { maxInFlight: LOADS_IN_FLIGHT });
  return () => ({ resources, owner: '', loadTask: (id) => loads.add(id) });
}
