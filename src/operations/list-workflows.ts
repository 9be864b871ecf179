import { listWorkflowIds, type WorkflowFilter } from '../db/statements/list-workflow-ids.ts';
import type { WorkflowView } from '../db/statements/read-workflows.ts';
import { getWorkflows } from './get-workflow.ts';
import { idRangeOf, requireFew, requireStorable } from './list-checks.ts';
import { type Page, type PageInput, toPage, toPageRequest } from './page.ts';
import type { ServiceResources } from './resources.ts';

export interface ListWorkflowsInput extends PageInput {
  filter?: WorkflowFilter | undefined;
}

/**
 * Lists workflows, newest first, at most 100 a page; a cursor is the id of a workflow.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a page, a cursor or a filter that can't be.
 */
export async function listWorkflows(
  resources: Pick<ServiceResources, 'sql'>,
  input: ListWorkflowsInput,
): Promise<Page<WorkflowView>> {
  const request = toPageRequest(input);
  const filter = input.filter ?? {};
  const range = idRangeOf(request);
  requireStorable(filter);
  requireFew(filter, ['states', 'names']);
  const ids = await listWorkflowIds(resources.sql, filter, range);
  const page = toPage(ids, request);
  return { ...page, items: await getWorkflows(resources, page.items) };
}
