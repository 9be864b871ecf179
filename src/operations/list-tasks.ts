import { userError } from '../core/errors.ts';
import type { TaskRow } from '../db/entities/task.ts';
import { listTaskIds, type TaskFilter } from '../db/statements/list-task-ids.ts';
import { getTasks } from './get-task.ts';
import { idRangeOf, requireFew, requireStorable } from './list-checks.ts';
import { type Page, type PageInput, toPage, toPageRequest } from './page.ts';
import type { ServiceResources } from './resources.ts';

const SEARCH_MIN = 3;

export interface ListTasksInput extends PageInput {
  filter?: TaskFilter | undefined;
}

/**
 * Lists tasks, newest first, at most 100 a page; a cursor is the id of a task.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a page, a cursor or a search that can't be.
 */
export async function listTasks(resources: ServiceResources, input: ListTasksInput): Promise<Page<TaskRow>> {
  const request = toPageRequest(input);
  const filter = input.filter ?? {};
  const range = idRangeOf(request);
  requireSearch(filter.search);
  requireStorable(filter);
  requireFew(filter, ['states', 'names', 'queues', 'tags']);
  const ids = await listTaskIds(resources.sql, filter, range);
  const page = toPage(ids, request);
  return { ...page, items: await getTasks(resources, page.items) };
}

function requireSearch(search: string | undefined): void {
  if (search === undefined || [...search].length >= SEARCH_MIN) return;
  throw userError(
    'BAD_USER_INPUT',
    `expected search to have at least ${SEARCH_MIN} characters, got: ${JSON.stringify(search)}`,
    ['filter', 'search'],
  );
}
