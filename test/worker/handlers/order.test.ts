import { expect } from 'vitest';
import { FailPermanently } from '../../../src/core/errors.ts';
import type { OrderState } from '../../../src/db/entities/order.ts';
import { openTaskLogger } from '../../../worker/task-logger.ts';
import { processOrder } from '../../../worker/handlers/order.ts';
import { pino } from 'pino';
import { rejection, type Shop, test } from './shop.ts';

/** As a worker runs a database task: in one transaction. */
async function runInUnitOfWork({ orm, openAttempt }: Shop, orderId: number, lines: string[] = []) {
  const logger = openTaskLogger(pino({ level: 'silent' }), (line) => lines.push(line));
  const context = await openAttempt({ logger });
  return orm.em.fork().transactional((em) => processOrder(em, { orderId }, context));
}

test('an order goes through its stages, each in the log, to COMPLETED', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const lines: string[] = [];

  const result = await runInUnitOfWork(shop, id, lines);

  expect(result).toEqual({ orderId: id, state: 'COMPLETED' });
  expect(await shop.order(id)).toMatchObject({ state: 'COMPLETED', paymentId: null });
  expect(lines).toEqual([
    `Validating the order {"orderId":${id},"state":"PENDING"}`,
    `Reserving what was ordered {"orderId":${id}}`,
    `Confirming the order {"orderId":${id}}`,
    `The order is completed {"orderId":${id},"paid":false}`,
  ]);
});

test('an order that is paid keeps its payment', async ({ shop }) => {
  const { id } = await shop.createOrder({ state: 'PAID', paymentId: 'pay_1' });

  await runInUnitOfWork(shop, id);

  expect(await shop.order(id)).toMatchObject({ state: 'COMPLETED', paymentId: 'pay_1' });
});

test('an order that does not exist fails the task for good', async ({ shop }) => {
  const error = await rejection(runInUnitOfWork(shop, 4711));

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'ORDER_NOT_FOUND', message: 'there is no order with the id 4711' });
});

test.for<OrderState>(['PROCESSING', 'COMPLETED', 'FAILED'])(
  'an order that is %s is not processed, and stays as it is',
  async (state, { shop }) => {
    const { id } = await shop.createOrder({ state });

    const error = await rejection(runInUnitOfWork(shop, id));

    expect(error).toBeInstanceOf(FailPermanently);
    expect(error).toMatchObject({
      code: 'ORDER_NOT_PROCESSABLE',
      message: `expected order ${id} to be PENDING or PAID when its processing begins, got: ${state}`,
    });
    expect(await shop.order(id)).toMatchObject({ state });
  },
);

test('of two tasks that process an order at the same time one does', async ({ shop }) => {
  const { id } = await shop.createOrder();

  const outcomes = await Promise.allSettled([runInUnitOfWork(shop, id), runInUnitOfWork(shop, id)]);

  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'ORDER_NOT_PROCESSABLE' },
  });
});

test('an order whose unit of work is rolled back is as it was', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const context = await shop.openAttempt();

  const running = shop.orm.em.fork().transactional(async (em) => {
    await processOrder(em, { orderId: id }, context);
    throw new Error('the worker was lost');
  });

  await expect(running).rejects.toThrow('the worker was lost');
  expect(await shop.order(id)).toMatchObject({ state: 'PENDING' });
});
