import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';

export const noop = defineTask({
  name: 'noop',
  description: 'Does nothing: for measuring what a task costs.',
  queue: 'diagnostics',
  input: z.object({}),
  output: z.object({}),
  diagnostic: true,
});

export const countdown = defineTask({
  name: 'countdown',
  description: 'Waits a number of steps and reports each as progress.',
  queue: 'diagnostics',
  input: z.object({
    steps: z.int().min(1).max(100_000).describe('How many steps.'),
    stepMs: z.int().min(0).max(60_000).describe('How long a step takes, in milliseconds.'),
  }),
  output: z.object({ steps: z.int().describe('How many steps were done.') }),
  diagnostic: true,
});

export const failTimes = defineTask({
  name: 'fail-times',
  description: 'Fails on its first attempts and then succeeds.',
  queue: 'diagnostics',
  attempts: 5,
  input: z.object({
    times: z.int().min(0).max(100).describe('How many attempts fail.'),
    code: z
      .string()
      .regex(/^[A-Z][A-Z0-9_]*$/, 'expected a code in SCREAMING_SNAKE')
      .optional()
      .describe('The error code that they fail with; DIAGNOSTIC_FAILURE when left out.'),
  }),
  output: z.object({ attempts: z.int().describe('The attempt that succeeded.') }),
  diagnostic: true,
});

export const sum = defineTask({
  name: 'sum',
  description: 'Adds numbers up: for trying workflows, where one task takes the results of others.',
  queue: 'diagnostics',
  input: z.object({
    values: z.array(z.number()).max(10_000).describe('The numbers, at most 10,000.'),
  }),
  output: z.object({ total: z.number().describe('Their sum; 0 for none.') }),
  diagnostic: true,
});

export const block = defineTask({
  name: 'block',
  description: 'Keeps a processor busy and answers nothing meanwhile, in a child of the worker.',
  queue: 'diagnostics',
  isolation: 'process',
  limits: { hardSeconds: 10 },
  retry: [{ on: ['HARD_TIME_LIMIT'], fail: true }, { on: '*' }],
  input: z.object({
    ms: z.int().min(0).max(600_000).describe('For how long, in milliseconds; after 10 s its child is killed.'),
  }),
  output: z.object({ ms: z.int().describe('How long it was, in milliseconds.') }),
  diagnostic: true,
});
