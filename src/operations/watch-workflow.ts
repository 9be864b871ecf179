import { TaskwireError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { WorkflowEvent } from '../core/workflow-event.ts';
import type { ServiceResources } from './resources.ts';
import { requireSequence } from './watch-task.ts';

export interface WatchWorkflowInput {
  id: string;
  /** The last sequence that was seen; without it the stream begins with a SNAPSHOT. */
  after?: number | null | undefined;
}

/**
 * The events of a workflow as they happen; ends after the terminal one.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a negative `after`, a `TaskwireError` with WORKFLOW_NOT_FOUND.
 */
export async function watchWorkflow(
  { workflowWatcher }: Pick<ServiceResources, 'workflowWatcher'>,
  { id, after }: WatchWorkflowInput,
): Promise<AsyncIterableIterator<WorkflowEvent>> {
  requireSequence(after);
  const events = isId(id) ? await workflowWatcher.watch(id, { after: after ?? undefined }) : null;
  if (events) return events;
  throw new TaskwireError('WORKFLOW_NOT_FOUND', `there is no workflow with the id ${JSON.stringify(id)}`);
}
