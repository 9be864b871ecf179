import { userError } from '../core/errors.ts';
import type { TaskEvent } from '../core/task-event.ts';
import { readHistory } from '../db/statements/read-history.ts';
import { type Page, toPage, toPageRequest } from './page.ts';
import type { ServiceResources } from './resources.ts';

const SEQUENCE_MAX = 2 ** 31 - 1;

export interface ListEventsInput {
  taskId: string;
  first?: number | null | undefined;
  /** A sequence. */
  after?: string | null | undefined;
}

/**
 * The history of a task, oldest first, at most 100 a page; a cursor is the sequence of an event.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a page or a cursor that can't be.
 */
export async function listEvents(
  { sql }: ServiceResources,
  { taskId, first, after }: ListEventsInput,
): Promise<Page<TaskEvent>> {
  const request = toPageRequest({ first, after });
  const cursor = request.after === undefined ? 0 : Number(request.after);
  if (!Number.isInteger(cursor) || cursor < 0 || cursor > SEQUENCE_MAX) {
    throw userError('BAD_USER_INPUT', `expected after to be a cursor of this list, got: ${JSON.stringify(after)}`, [
      'after',
    ]);
  }
  const history = await readHistory(sql, taskId, cursor, request.size + 1);
  return toPage(history?.events ?? [], request);
}
