import { FailPermanently, RetryIn } from './errors.ts';

const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 5 * 60_000;

/** What to do after a failed attempt. */
export type RetryDecision = { retry: true; delayMs: number } | { retry: false };

/** What the decision depends on. */
export interface FailedAttempt {
  thrown: unknown;
  /** Failed attempts so far, this one included; attempts that ended with the loss of a worker are not counted. */
  failures: number;
  maxAttempts: number;
  /** 0 ≤ random < 1. */
  random: number;
}

/**
 * Decides what follows a failed attempt: nothing after {@link FailPermanently} or the last attempt, else another after a
 * delay that grows exponentially with equal jitter.
 */
export function decideRetry({ thrown, failures, maxAttempts, random }: FailedAttempt): RetryDecision {
  if (thrown instanceof FailPermanently || failures >= maxAttempts) return { retry: false };
  if (thrown instanceof RetryIn) return { retry: true, delayMs: thrown.delayMs };
  return { retry: true, delayMs: backoffMs(failures, random) };
}

/**
 * 1 s, 2 s, 4 s … 5 min, of which the upper half is random: many tasks that failed together don't come back together
 * ("equal jitter", AWS Architecture Blog, Exponential Backoff And Jitter, 2015).
 */
export function backoffMs(failures: number, random: number): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}
