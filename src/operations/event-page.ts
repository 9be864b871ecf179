import { userError } from '../core/errors.ts';
import type { History } from '../core/event-history.ts';
import { type Page, type PageInput, toPage, toPageRequest } from './page.ts';

const SEQUENCE_MAX = 2 ** 31 - 1;

/**
 * A page of a history, oldest first, at most 100; a cursor is the sequence of an event. `read` reads so many events after a
 * sequence.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a page or a cursor that can't be.
 */
export async function readEventPage<E>(
  { first, after }: Pick<PageInput, 'first' | 'after'>,
  read: (after: number, limit: number) => Promise<History<E> | null>,
): Promise<Page<E>> {
  const request = toPageRequest({ first, after });
  const cursor = request.after === undefined ? 0 : Number(request.after);
  if (!Number.isInteger(cursor) || cursor < 0 || cursor > SEQUENCE_MAX) {
    const message = `expected after to be a cursor of this list, got: ${JSON.stringify(after)}`;
    throw userError('BAD_USER_INPUT', message, ['after']);
  }
  const history = await read(cursor, request.size + 1);
  return toPage(history?.events ?? [], request);
}
