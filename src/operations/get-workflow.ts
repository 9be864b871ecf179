import { isId } from '../core/ids.ts';
import { readWorkflows, type WorkflowView } from '../db/statements/read-workflows.ts';
import type { ServiceResources } from './resources.ts';

/** Finds a workflow; null for an unknown id, also for one that is no id at all. */
export async function getWorkflow(resources: Pick<ServiceResources, 'sql'>, id: string): Promise<WorkflowView | null> {
  return isId(id) ? ((await getWorkflows(resources, [id]))[0] ?? null) : null;
}

/** Finds workflows; in the order of the ids, without those that are gone. */
export async function getWorkflows(
  { sql }: Pick<ServiceResources, 'sql'>,
  ids: readonly string[],
): Promise<WorkflowView[]> {
  if (ids.length === 0) return [];
  const byId = new Map((await readWorkflows(sql, ids)).map((workflow) => [workflow.id, workflow]));
  return ids.map((id) => byId.get(id)).filter((workflow) => workflow !== undefined);
}
