import type { TaskEvent } from '../core/task-event.ts';
import type { WorkflowEvent } from '../core/workflow-event.ts';
import { readHistory } from '../db/statements/read-history.ts';
import { readWorkflowHistory } from '../db/statements/read-workflow-history.ts';
import { readEventPage } from './event-page.ts';
import type { Page } from './page.ts';
import type { ServiceResources } from './resources.ts';

interface EventPageInput {
  first?: number | null | undefined;
  /** A sequence. */
  after?: string | null | undefined;
}

export interface ListEventsInput extends EventPageInput {
  taskId: string;
}

/**
 * The history of a task, oldest first, at most 100 a page; a cursor is the sequence of an event.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a page or a cursor that can't be.
 */
export function listEvents(
  { sql }: Pick<ServiceResources, 'sql'>,
  { taskId, ...page }: ListEventsInput,
): Promise<Page<TaskEvent>> {
  return readEventPage(page, (after, limit) => readHistory(sql, taskId, after, limit));
}

export interface ListWorkflowEventsInput extends EventPageInput {
  workflowId: string;
}

/** The history of a workflow, as {@link listEvents} gives that of a task. */
export function listWorkflowEvents(
  { sql }: Pick<ServiceResources, 'sql'>,
  { workflowId, ...page }: ListWorkflowEventsInput,
): Promise<Page<WorkflowEvent>> {
  return readEventPage(page, (after, limit) => readWorkflowHistory(sql, workflowId, after, limit));
}
