import { userError } from '../core/errors.ts';

/** Relay's arguments of a connection. */
export interface PageInput {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}

/** One page, in the order of the list. */
export interface Page<Item> {
  items: Item[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
}

const PAGE_SIZE_MAX = 100;
const PAGE_SIZE_DEFAULT = 20;

/** A page as a stretch of the list: `backward` cuts it from its end. */
export interface PageRequest {
  size: number;
  backward: boolean;
  after: string | undefined;
  before: string | undefined;
}

/** Checks Relay's arguments. Throws a `UserInputError` with BAD_USER_INPUT for numbers out of range. */
export function toPageRequest({ first, after, last, before }: PageInput): PageRequest {
  if (first != null && last != null) throw userError('BAD_USER_INPUT', 'expected first or last, got both', ['last']);
  return {
    size: sizeOf('first', first) ?? sizeOf('last', last) ?? PAGE_SIZE_DEFAULT,
    backward: last != null,
    after: after ?? undefined,
    before: before ?? undefined,
  };
}

function sizeOf(argument: string, value: number | null | undefined): number | undefined {
  if (value == null) return undefined;
  if (value >= 0 && value <= PAGE_SIZE_MAX) return value;
  throw userError('BAD_USER_INPUT', `expected ${argument} to be from 0 to ${PAGE_SIZE_MAX}, got: ${value}`, [argument]);
}

/** Cuts a page from what was read: one item more than its size, from the end when it goes backward. */
export function toPage<Item>(read: readonly Item[], { size, backward, after, before }: PageRequest): Page<Item> {
  const more = read.length > size;
  const items = read.slice(0, size);
  if (backward) return { items: items.toReversed(), hasNextPage: before !== undefined, hasPreviousPage: more };
  return { items, hasNextPage: more, hasPreviousPage: after !== undefined };
}
