import { ForeignKeyConstraintViolationException } from '@mikro-orm/core';
import { z } from 'zod';
import { UserInputError, userError } from '../core/errors.ts';
import { Order, type OrderRow } from '../db/entities/order.ts';
import { idPageQuery, isRowId } from './id-page.ts';
import { type Page, type PageInput, toPage, toPageRequest } from './page.ts';
import type { ServiceResources } from './resources.ts';

const newOrder = z.object({
  userId: z.int32(),
  amountCents: z.int32().positive(),
  currency: z.string().regex(/^[A-Z]{3}$/, 'expected a currency of three capital letters, e.g. EUR'),
});

/** What is ordered. */
export type NewOrder = z.infer<typeof newOrder>;

/** Creates an order. Throws a `UserInputError` with ORDER_INVALID, or USER_NOT_FOUND when there is no such user. */
export async function createOrder({ orm }: ServiceResources, input: NewOrder): Promise<OrderRow> {
  const parsed = newOrder.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ message, path }) => ({
      code: 'ORDER_INVALID',
      message,
      path: path.map(String),
    }));
    throw new UserInputError(problems as [(typeof problems)[number]]);
  }
  try {
    const em = orm.em.fork();
    const now = new Date();
    const order = em.create(Order, { ...parsed.data, state: 'PENDING', createdAt: now, updatedAt: now });
    await em.flush();
    return order;
  } catch (error) {
    if (!(error instanceof ForeignKeyConstraintViolationException)) throw error;
    throw userError('USER_NOT_FOUND', `expected the id of a user, got: ${input.userId}`, ['userId']);
  }
}

/** Finds an order; null when there is none. */
export async function getOrder({ orm }: ServiceResources, id: number): Promise<OrderRow | null> {
  return isRowId(id) ? orm.em.fork().findOne(Order, { id }) : null;
}

/**
 * Lists orders, newest first, at most 100 a page; a cursor is the id of an order.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a page or a cursor that can't be.
 */
export async function listOrders({ orm }: ServiceResources, input: PageInput): Promise<Page<OrderRow>> {
  const request = toPageRequest(input);
  const { where, options } = idPageQuery(request);
  return toPage(await orm.em.fork().find(Order, where, options), request);
}
