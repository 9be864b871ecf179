import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';

const CURRENCY = /^[A-Z]{3}$/;

export const syncExchangeRates = defineTask({
  name: 'sync-exchange-rates',
  description: 'Reads the exchange rates of a currency and stores those that have changed.',
  queue: 'sync',
  attempts: 5,
  retry: [
    { on: ['RATES_INVALID', 'GATEWAY_REFUSED'], fail: true },
    {
      on: ['CONNECTION', 'TIMEOUT', 'RATE_LIMITED', 'GATEWAY_ERROR'],
      backoff: { kind: 'carried', otherwise: { kind: 'exponential', firstSeconds: 10, factor: 2, maxSeconds: 300 } },
    },
    { on: '*' },
  ],
  limits: { hardSeconds: 60 },
  input: z.object({
    base: z
      .string()
      .regex(CURRENCY, 'expected a currency of three capital letters, e.g. EUR')
      .describe('The currency of which one unit is priced in the others, e.g. EUR.'),
  }),
  output: z.object({
    base: z.string().describe('The currency that was asked for.'),
    rates: z.int().describe('How many rates there are.'),
    updated: z.int().describe('How many of them are new or have changed.'),
    notModified: z.boolean().describe('Whether the service said that nothing has changed since the last time.'),
  }),
});
