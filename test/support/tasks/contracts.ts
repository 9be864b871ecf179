import { z } from 'zod';
import { defineDatabaseTask, defineTask, type Isolation, type TaskContract } from '../../../src/core/define-task.ts';
import { HttpError } from '../../../src/core/errors.ts';

/** Where handlers run: what they are promised is the same everywhere. */
export const ISOLATIONS = ['inline', 'process', 'thread'] as const satisfies readonly Isolation[];

/** Also for starting the child. */
export const HANGING_HARD_SECONDS = 4;

const description = 'For the tests.';
const nothing = z.object({});

/** Uses all that a context offers; its first attempt fails and says when it wants the next. */
export const parts = (isolation: Isolation) =>
  defineTask({
    name: `parts-${isolation}`,
    description,
    isolation,
    retry: [{ on: [HttpError], backoff: { kind: 'carried', otherwise: { kind: 'fixed', delaySeconds: 600 } } }],
    input: nothing,
    output: z.object({ steps: z.array(z.string()) }),
  });

/** Asks for its second attempt itself; the policy would have it wait. */
export const askedAgain = (isolation: Isolation) =>
  defineTask({
    name: `asked-again-${isolation}`,
    description,
    isolation,
    retry: [{ on: '*', backoff: { kind: 'fixed', delaySeconds: 600 } }],
    input: nothing,
    output: z.object({ attempt: z.int() }),
  });

/** Writes a user, enqueues a task, reports; then waits for its signal if it is to. */
export const writing = (isolation: Isolation) =>
  defineDatabaseTask({
    name: `writing-${isolation}`,
    description,
    isolation,
    input: z.object({ wait: z.boolean() }),
    output: z.object({ userId: z.int() }),
  });

/** Works until its soft time limit. */
export const partial = (isolation: Isolation) =>
  defineTask({
    name: `partial-${isolation}`,
    description,
    isolation,
    limits: { softSeconds: 0.5, hardSeconds: 60 },
    input: nothing,
    output: z.object({ stoppedBy: z.string() }),
  });

/** Leaves a temporary file and never ends: in a child by `while (true) {}`. */
const hanging = (isolation: Isolation) =>
  defineTask({
    name: `hanging-${isolation}`,
    description,
    isolation,
    limits: { hardSeconds: HANGING_HARD_SECONDS },
    retry: [{ on: '*', fail: true }],
    input: nothing,
    output: nothing,
  });

/** Keeps so many KiB for ever. Its child may hold about twice what Node and our code take. */
export const leaking = defineTask({
  name: 'leaking',
  description,
  isolation: 'process',
  child: { maxMemoryMb: 320 },
  input: z.object({ kib: z.int() }),
  output: nothing,
});

/** Measures its event loop for so long. */
export const loopDelay = defineTask({
  name: 'loop-delay',
  description,
  input: z.object({ ms: z.int() }),
  output: z.object({ maxMs: z.number() }),
});

/** Fails three times; its policy has one attempt follow a failure, at once. */
const flaky = defineTask({
  name: 'flaky',
  description,
  attempts: 2,
  retry: [{ on: ['FLAKY'], maxAttempts: 2, backoff: { kind: 'fixed', delaySeconds: 0 } }],
  input: nothing,
  output: nothing,
});

/** Of a task and of a queue. */
export const LIMIT = { max: 3, perSeconds: 2 };

const limitedTask = defineTask({
  name: 'limited-task',
  description,
  rateLimit: LIMIT,
  input: nothing,
  output: nothing,
});

/** In a queue with that limit. */
const limitedQueue = defineTask({
  name: 'limited-queue',
  description,
  queue: 'limited',
  input: nothing,
  output: nothing,
});

/** All of them. */
export const contracts: readonly TaskContract[] = [
  ...ISOLATIONS.flatMap((isolation) => [
    parts(isolation),
    askedAgain(isolation),
    writing(isolation),
    partial(isolation),
    hanging(isolation),
  ]),
  leaking,
  loopDelay,
  flaky,
  limitedTask,
  limitedQueue,
];
