import { z } from 'zod';
import { FailPermanently, HttpError, TaskwireError } from '../../src/core/errors.ts';
import type { OrderRow } from '../../src/db/entities/order.ts';
import type { EntityManager } from '../../src/db/orm.ts';
import type { processPayment as contract } from '../../src/tasks/order.ts';
import { callService, requireUrl } from '../http-call.ts';
import type { TaskContext, TaskHandler } from '../task-handler.ts';
import { lockOrder } from './order.ts';

const SERVICE = 'the payment gateway';
const PAYMENT_REQUIRED = 402;
const payment = z.object({ paymentId: z.string().min(1).max(200) });

/**
 * Has the gateway charge an order and marks it as paid. The gateway knows a repeated request by its Idempotency-Key, the id
 * of the task, and a charge that it has confirmed is not asked for again. An order that is paid already is left as it is.
 *
 * Fails for good with GATEWAY_NOT_CONFIGURED, ORDER_NOT_FOUND and CARD_DECLINED, of which the last leaves the order FAILED.
 * Throws what {@link callService} throws, and GATEWAY_ERROR when the answer names no payment.
 */
export const processPayment: TaskHandler<typeof contract> = async ({ orderId }, context) => {
  const { resources, taskId, step, logger } = context;
  const url = requireUrl(resources.gateways.paymentUrl, 'PAYMENT_GATEWAY_URL');
  const order = await resources.orm.em.fork().transactional((em) => beginPayment(em, orderId, taskId));
  if (order.paymentId != null) return { orderId, paymentId: order.paymentId, status: 'paid' };
  const paymentId = await step('charge', () => charge(url, order, context));
  logger.info({ orderId, paymentId }, 'The gateway has charged the order');
  await step('mark-paid', (em) => markPaid(em, orderId, paymentId));
  return { orderId, paymentId, status: 'paid' };
};

/** The first task for an order chooses the key, before anything is charged: a second task can't charge it again. */
async function beginPayment(em: EntityManager, orderId: number, taskId: string): Promise<OrderRow> {
  const order = await lockOrder(em, orderId);
  if (order.paymentId == null) order.paymentKey ??= taskId;
  return order;
}

async function charge(url: URL, order: OrderRow, { resources, taskId, signal }: TaskContext): Promise<string> {
  try {
    const { text } = await callService({
      service: SERVICE,
      url,
      headers: { 'idempotency-key': order.paymentKey ?? taskId },
      body: { reference: `order-${order.id}`, amountCents: order.amountCents, currency: order.currency },
      timeoutMs: resources.gateways.timeoutMs,
      signal,
    });
    return parsePaymentId(text);
  } catch (error) {
    if (!(error instanceof HttpError) || error.status !== PAYMENT_REQUIRED) throw error;
    await resources.orm.em.fork().transactional((em) => markDeclined(em, order.id));
    throw new FailPermanently('CARD_DECLINED', `the card was declined for order ${order.id}: ${error.message}`, {
      cause: error,
    });
  }
}

/** An answer that can't be read may stand for a charge all the same: asking again with the same key tells. */
function parsePaymentId(text: string): string {
  try {
    return payment.parse(JSON.parse(text)).paymentId;
  } catch (cause) {
    const message = `expected ${SERVICE} to answer with a paymentId, got: ${text.slice(0, 200)}`;
    throw new TaskwireError('GATEWAY_ERROR', message, { cause });
  }
}

async function markPaid(em: EntityManager, orderId: number, paymentId: string): Promise<void> {
  const order = await lockOrder(em, orderId);
  order.paymentId = paymentId;
  if (order.state !== 'COMPLETED') order.state = 'PAID';
}

/** The next payment gets a key of its own: a gateway may answer a key that it has declined with the same again. */
async function markDeclined(em: EntityManager, orderId: number): Promise<void> {
  const order = await lockOrder(em, orderId);
  if (order.paymentId != null) return;
  order.paymentKey = null;
  if (order.state === 'PENDING') order.state = 'FAILED';
}
