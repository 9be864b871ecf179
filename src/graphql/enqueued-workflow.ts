import type { WorkflowView } from '../db/statements/read-workflows.ts';
import type { EnqueuedWorkflow } from '../operations/enqueue-workflow.ts';
import { getWorkflow } from '../operations/get-workflow.ts';
import type { ServiceResources } from '../operations/resources.ts';

/** What a payload of a mutation says of a workflow besides its user errors. */
interface WorkflowOutcome {
  workflow: WorkflowView | null;
  duplicate: boolean;
}

/** There is no workflow. */
export const NO_WORKFLOW: WorkflowOutcome = { workflow: null, duplicate: false };

/** The workflow that was enqueued, as it is now. */
export async function workflowOf(
  resources: ServiceResources,
  { id, duplicate }: EnqueuedWorkflow,
): Promise<WorkflowOutcome> {
  return { workflow: await getWorkflow(resources, id), duplicate };
}
