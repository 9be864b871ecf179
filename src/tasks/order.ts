import { z } from 'zod';
import { defineDatabaseTask, defineTask } from '../core/define-task.ts';

const orderId = z.int32().positive().describe('The id of the order.');

export const processOrder = defineDatabaseTask({
  name: 'process-order',
  description: 'Takes an order through its stages: validated, reserved, confirmed.',
  queue: 'order',
  input: z.object({ orderId }),
  output: z.object({
    orderId: z.int32().describe('The id of the order.'),
    state: z.literal('COMPLETED').describe('Always "COMPLETED": a failure is an error of the task.'),
  }),
});

/**
 * The gateway is given time: 60 s, 120 s and 240 s, of which the upper half is random, or what it asks for itself. What is
 * no failure of the gateway (our database was away, say) is tried again sooner: the payment itself happens once.
 */
export const processPayment = defineTask({
  name: 'process-payment',
  description: 'Has the payment gateway charge what an order costs, and marks the order as paid.',
  queue: 'payment',
  attempts: 4,
  retry: [
    { on: ['CARD_DECLINED', 'GATEWAY_REFUSED'], fail: true },
    {
      on: ['CONNECTION', 'TIMEOUT', 'RATE_LIMITED', 'GATEWAY_ERROR'],
      backoff: { kind: 'carried', otherwise: { kind: 'exponential', firstSeconds: 60, factor: 2, maxSeconds: 600 } },
    },
    { on: '*' },
  ],
  limits: { hardSeconds: 60 },
  input: z.object({ orderId }),
  output: z.object({
    orderId: z.int32().describe('The id of the order.'),
    paymentId: z.string().describe('The id that the gateway gave the payment.'),
    status: z.literal('paid').describe('Always "paid": a failure is an error of the task.'),
  }),
});
