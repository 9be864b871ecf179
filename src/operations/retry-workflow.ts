import { Advance } from '../core/advance-workflow.ts';
import { userError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { WorkflowState } from '../core/workflow-state.ts';
import { forgetExpiries, lockWorkflows, readAllSteps } from '../db/statements/advance-workflows.ts';
import { Advancing } from './advance-workflows.ts';
import { announceWorkflows } from './announce-workflows.ts';
import { workflowNotFound } from './cancel-workflow.ts';
import type { ServiceResources } from './resources.ts';

/**
 * Runs a workflow that failed or was revoked again, from what did not succeed on; what succeeded is not run again. A step
 * keeps its task, unless its input is another one now. A time to expire that is over does not count any more, as with
 * `retryTask`.
 *
 * Throws a `UserInputError` with WORKFLOW_NOT_FOUND or WORKFLOW_NOT_FINISHED, or WORKFLOW_ALREADY_FINISHED when it succeeded.
 */
export async function retryWorkflow(resources: ServiceResources, id: string): Promise<void> {
  if (!isId(id)) throw workflowNotFound(id);
  const news = await resources.sql.transaction(async (transaction) => {
    const [workflow] = await lockWorkflows(transaction, [id]);
    if (!workflow) throw workflowNotFound(id);
    if (workflow.state !== 'FAILURE' && workflow.state !== 'REVOKED') throw notRetryable(id, workflow.state);
    await forgetExpiries(transaction, id);
    const advance = new Advance(workflow, workflow.now);
    const advancing = new Advancing(resources.catalog, transaction, [advance]);
    await advancing.start(advance.reopen(await readAllSteps(transaction, id)));
    await advancing.goOn();
    return advancing.write();
  });
  announceWorkflows(resources, news);
}

function notRetryable(id: string, state: WorkflowState) {
  const code = state === 'SUCCESS' ? 'WORKFLOW_ALREADY_FINISHED' : 'WORKFLOW_NOT_FINISHED';
  const message = `expected a workflow in state FAILURE or REVOKED, but workflow ${id} is in state ${state}`;
  return userError(code, message, ['id']);
}
