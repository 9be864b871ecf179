import type { TaskRow } from '../db/entities/task.ts';
import type { EnqueuedTask } from '../operations/enqueue-task.ts';
import { getTask, rowOfNewTask } from '../operations/get-task.ts';
import type { ServiceResources } from '../operations/resources.ts';

/** What a payload of an enqueue mutation says besides its user errors. */
export interface Enqueued {
  task: TaskRow | null;
  duplicate: boolean;
}

/** There is no task. */
export const NOT_ENQUEUED: Enqueued = { task: null, duplicate: false };

/** The task that was enqueued; only a duplicate, which may be at any point of its life by now, is read. */
export async function taskOf(resources: ServiceResources, { id, created, duplicate }: EnqueuedTask): Promise<Enqueued> {
  return { task: created ? rowOfNewTask(created) : await getTask(resources, id), duplicate };
}
