import { LockMode } from '@mikro-orm/core';
import { FailPermanently } from '../../src/core/errors.ts';
import { Order, type OrderRow, type OrderState } from '../../src/db/entities/order.ts';
import type { EntityManager } from '../../src/db/orm.ts';
import type { processOrder as contract } from '../../src/tasks/order.ts';
import type { TaskHandler } from '../task-handler.ts';

const PROCESSABLE: readonly OrderState[] = ['PENDING', 'PAID'];

/**
 * Takes an order through its stages and logs each. The row stays locked until the unit of work ends, so an order is
 * processed once. Fails for good with ORDER_NOT_FOUND, and with ORDER_NOT_PROCESSABLE in any state but PENDING and PAID.
 */
export const processOrder: TaskHandler<typeof contract> = async (em, { orderId }, { logger }) => {
  const order = await lockOrder(em, orderId);
  logger.info({ orderId, state: order.state }, 'Validating the order');
  requireProcessable(order);
  logger.info({ orderId }, 'Reserving what was ordered');
  order.state = 'PROCESSING';
  await em.flush();
  logger.info({ orderId }, 'Confirming the order');
  order.state = 'COMPLETED';
  await em.flush();
  logger.info({ orderId, paid: order.paymentId != null }, 'The order is completed');
  return { orderId, state: order.state };
};

function requireProcessable({ id, state }: OrderRow): void {
  if (PROCESSABLE.includes(state)) return;
  throw new FailPermanently(
    'ORDER_NOT_PROCESSABLE',
    `expected order ${id} to be ${PROCESSABLE.join(' or ')} when its processing begins, got: ${state}`,
  );
}

/** Locks an order until the transaction of `em` ends. Throws `FailPermanently` with ORDER_NOT_FOUND. */
export async function lockOrder(em: EntityManager, orderId: number): Promise<OrderRow> {
  const order = await em.findOne(Order, { id: orderId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (order) return order;
  throw new FailPermanently('ORDER_NOT_FOUND', `there is no order with the id ${orderId}`);
}
