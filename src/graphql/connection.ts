import type { Page } from '../operations/page.ts';

/** A page as Relay wants it; `cursorOf` tells the cursor of an item. */
export function toConnection<Item>(page: Page<Item>, cursorOf: (item: Item) => string) {
  const edges = page.items.map((node) => ({ cursor: cursorOf(node), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: page.hasNextPage,
      hasPreviousPage: page.hasPreviousPage,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
