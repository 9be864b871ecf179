import { userError } from '../core/errors.ts';
import type { PageRequest } from './page.ts';

const ID_MAX = 2 ** 31 - 1;

/** Whether a number can be the id of a row that counts 1, 2, 3 …; a larger one is no `int` of Postgres. */
export function isRowId(id: number): boolean {
  return Number.isInteger(id) && id >= 1 && id <= ID_MAX;
}

/**
 * What to read for a page of rows, newest first, whose cursors are their ids: one more than fits on it.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a cursor that is no id.
 */
export function idPageQuery({ after, before, backward, size }: PageRequest) {
  const below = idOf('after', after);
  const above = idOf('before', before);
  return {
    where: { id: { ...(below === undefined ? {} : { $lt: below }), ...(above === undefined ? {} : { $gt: above }) } },
    options: { orderBy: { id: backward ? 'asc' : 'desc' }, limit: size + 1 },
  } as const;
}

function idOf(argument: string, cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  const id = Number(cursor);
  if (isRowId(id)) return id;
  const message = `expected ${argument} to be a cursor of this list, got: ${JSON.stringify(cursor)}`;
  throw userError('BAD_USER_INPUT', message, [argument]);
}
