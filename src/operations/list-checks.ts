import { userError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import { findStorageProblem } from '../core/storable.ts';
import type { IdRange } from '../db/statements/list-task-ids.ts';
import type { PageRequest } from './page.ts';

/** Each value is a scan of its own. */
const VALUES_MAX = 100;

/** What Postgres can't store as text it can't look for either. Throws a `UserInputError` with BAD_USER_INPUT. */
export function requireStorable(filter: object): void {
  const problem = findStorageProblem(filter);
  if (problem) throw userError('BAD_USER_INPUT', problem.message, ['filter', ...problem.path]);
}

/** Throws a `UserInputError` with BAD_USER_INPUT for more than 100 values in one of the fields of a filter. */
export function requireFew<Field extends string>(
  filter: Partial<Record<Field, readonly unknown[] | undefined>>,
  fields: readonly Field[],
): void {
  for (const field of fields) {
    const count = filter[field]?.length ?? 0;
    if (count <= VALUES_MAX) continue;
    throw userError('BAD_USER_INPUT', `expected at most ${VALUES_MAX} ${field}, got: ${count}`, ['filter', field]);
  }
}

/**
 * What to read for a page, newest first, whose cursors are ids: one more than fits on it.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a cursor that is no id.
 */
export function idRangeOf({ after, before, size, backward }: PageRequest): IdRange {
  requireCursor('after', after);
  requireCursor('before', before);
  // Newest first: what comes after is older.
  return { before: after, after: before, limit: size + 1, order: backward ? 'asc' : 'desc' };
}

function requireCursor(argument: string, cursor: string | undefined): void {
  if (cursor === undefined || isId(cursor)) return;
  const message = `expected ${argument} to be a cursor of this list, got: ${JSON.stringify(cursor)}`;
  throw userError('BAD_USER_INPUT', message, [argument]);
}
