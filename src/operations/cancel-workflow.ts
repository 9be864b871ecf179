import { Advance } from '../core/advance-workflow.ts';
import { userError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import { toReason } from '../core/reason.ts';
import { lockWorkflows, readOpenSteps, requestWorkflowCancel } from '../db/statements/advance-workflows.ts';
import { requestCancel } from '../db/statements/end-task.ts';
import { Advancing } from './advance-workflows.ts';
import { announceWorkflows } from './announce-workflows.ts';
import type { ServiceResources } from './resources.ts';

export interface CancelWorkflowInput {
  id: string;
  /** The first 1,000 characters are kept. */
  reason?: string | null | undefined;
  /** Skips the grace of running tasks. */
  force?: boolean | undefined;
}

/**
 * Ends a workflow: what has not started is revoked at once, what runs is told to end, and when that has ended the workflow
 * is REVOKED.
 *
 * Throws a `UserInputError` with WORKFLOW_NOT_FOUND or WORKFLOW_ALREADY_FINISHED.
 */
export async function cancelWorkflow(
  resources: ServiceResources,
  { id, reason = null, force = false }: CancelWorkflowInput,
): Promise<void> {
  if (!isId(id)) throw workflowNotFound(id);
  const { sql, catalog, bus } = resources;
  const why = reason === null ? null : toReason(reason);
  const { news, ending } = await sql.transaction(async (transaction) => {
    const [workflow] = await lockWorkflows(transaction, [id]);
    if (!workflow) throw workflowNotFound(id);
    if (workflow.state !== 'RUNNING') throw alreadyFinished(id, workflow.state);
    await requestWorkflowCancel(transaction, id, why);
    const advance = new Advance({ ...workflow, cancelled: true, cancelReason: why }, workflow.now);
    const advancing = new Advancing(catalog, transaction, [advance]);
    await advancing.goOn();
    const written = await advancing.write();
    const running = (await readOpenSteps(transaction, [id]))
      .map(({ taskId }) => taskId)
      .filter((taskId) => taskId !== null);
    return { news: written, ending: await requestCancel(transaction, running, why, force) };
  });
  announceWorkflows(resources, news);
  for (const taskId of ending) bus.publishCancel({ taskId, reason: why, force });
}

/** The user error for an id that no workflow has. */
export function workflowNotFound(id: string) {
  return userError('WORKFLOW_NOT_FOUND', `there is no workflow with the id ${JSON.stringify(id)}`, ['id']);
}

function alreadyFinished(id: string, state: string) {
  return userError('WORKFLOW_ALREADY_FINISHED', `workflow ${id} is already in state ${state}`, ['id']);
}
