import { setImmediate, setTimeout } from 'node:timers/promises';
import { TaskwireError } from '../../src/core/errors.ts';
import type * as contracts from '../../src/tasks/diagnostics.ts';
import type { TaskHandler } from '../task-handler.ts';

/** Does nothing. */
export const noop: TaskHandler<typeof contracts.noop> = async () => ({});

/** Waits `steps` times `stepMs`, and reports each step. Rejects with the signal's reason as soon as that fires. */
export const countdown: TaskHandler<typeof contracts.countdown> = async ({ steps, stepMs }, { signal, progress }) => {
  for (let step = 1; step <= steps; step += 1) {
    await wait(stepMs, signal);
    progress(step, steps);
  }
  return { steps };
};

/** Throws an error with the wanted code on its first `times` attempts. */
export const failTimes: TaskHandler<typeof contracts.failTimes> = async ({ times, code }, { attempt }) => {
  if (attempt > times) return { attempts: attempt };
  throw new TaskwireError(code ?? 'DIAGNOSTIC_FAILURE', `attempt ${attempt} fails, as the first ${times} are meant to`);
};

/** Adds up from the first to the last. A sum beyond what a number holds fails for good, as RESULT_INVALID. */
export const sum: TaskHandler<typeof contracts.sum> = async ({ values }) => ({
  total: values.reduce((total, value) => total + value, 0),
});

/** Blocks the event loop: no signal reaches it, and only the end of its process ends it early. */
export const block: TaskHandler<typeof contracts.block> = async ({ ms }) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return { ms };
};

/** A timer takes a millisecond at least; a step of no time takes a turn of the event loop. */
async function wait(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await (ms === 0 ? setImmediate(undefined, { signal }) : setTimeout(ms, undefined, { signal }));
  } catch (error) {
    signal.throwIfAborted(); // its reason says more than the AbortError
    throw error;
  }
}
