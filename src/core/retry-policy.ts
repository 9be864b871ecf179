import { RETRY_DELAY_MAX_MS } from './errors.ts';
import type { Failure } from './failure.ts';

/** How long to wait before the next attempt. */
export type Backoff =
  /** The same each time. */
  | { kind: 'fixed'; delaySeconds: number; jitter?: boolean }
  /** `firstSeconds`, times `factor` each time, at most `maxSeconds`; half of it random unless `jitter` is false. */
  | { kind: 'exponential'; firstSeconds: number; factor?: number; maxSeconds?: number; jitter?: boolean }
  /** What the error carries (`retryAfterMs`, e.g. of a Retry-After header); `otherwise` when it carries nothing. */
  | { kind: 'carried'; otherwise: Exclude<Backoff, { kind: 'carried' }> };

/** A class of errors, compared by its name: classes don't survive the boundary of a process. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** A rule of a retry policy. */
export interface RetryRule {
  /** Codes (`'CONNECTION'`) and classes (`HttpError`) that it is for; `'*'` is every failure. */
  on: '*' | readonly (string | ErrorClass)[];
  /** Makes no further attempt. */
  fail?: true;
  /** Attempts at most, of this kind of failure; default those of the contract. What a caller asks for comes first. */
  maxAttempts?: number;
  /** Default {@link DEFAULT_BACKOFF}. */
  backoff?: Backoff;
}

/** The first rule that fits a failure counts; without one, the task fails. */
export type RetryPolicy = readonly RetryRule[];

/**
 * 1 s, 2 s, 4 s … 5 min, of which the upper half is random: many tasks that failed together don't come back together
 * ("equal jitter", AWS Architecture Blog, Exponential Backoff And Jitter, 2015).
 */
export const DEFAULT_BACKOFF: Backoff = { kind: 'exponential', firstSeconds: 1, factor: 2, maxSeconds: 300 };

/** Every failure is tried again. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = [{ on: '*' }];

/** What to do after a failed attempt. */
export type RetryDecision = { retry: true; delayMs: number } | { retry: false };

/** What the decision depends on. */
export interface FailedAttempt {
  policy: RetryPolicy;
  failure: Failure;
  /** Failed attempts so far, this one included; attempts that ended with the loss of a worker are not counted. */
  failures: number;
  /** Of the task: those of its contract, unless its caller wished for others. */
  maxAttempts: number;
  /** Whether its caller did; then no rule says otherwise. */
  attemptsAsked: boolean;
  /** 0 ≤ random < 1. */
  random: number;
}

/** Decides what follows a failed attempt. */
export function decideRetry(attempt: FailedAttempt): RetryDecision {
  const { policy, failure, failures, maxAttempts, attemptsAsked, random } = attempt;
  const rule = policy.find(({ on }) => fits(on, failure));
  if (failure.permanent || !rule || rule.fail) return { retry: false };
  if (failures >= (attemptsAsked ? maxAttempts : (rule.maxAttempts ?? maxAttempts))) return { retry: false };
  const asked = failure.code === 'RETRY_IN' ? failure.retryInMs : null;
  const delayMs = asked ?? backoffMs(rule.backoff ?? DEFAULT_BACKOFF, failures, failure, random);
  return { retry: true, delayMs: Math.min(delayMs, RETRY_DELAY_MAX_MS) };
}

function fits(on: RetryRule['on'], { code, classes }: Failure): boolean {
  return on === '*' || on.some((one) => (typeof one === 'string' ? one === code : classes.includes(one.name)));
}

/** Milliseconds until the next attempt after `failures` failed ones. */
export function backoffMs(backoff: Backoff, failures: number, { retryInMs }: Failure, random: number): number {
  switch (backoff.kind) {
    case 'carried':
      return retryInMs ?? backoffMs(backoff.otherwise, failures, NOTHING_CARRIED, random);
    case 'fixed':
      return spread(backoff.delaySeconds * 1000, backoff.jitter ?? false, random);
    case 'exponential': {
      const { firstSeconds, factor = 2, maxSeconds = 300, jitter = true } = backoff;
      return spread(Math.min(maxSeconds, firstSeconds * factor ** (failures - 1)) * 1000, jitter, random);
    }
  }
}

const NOTHING_CARRIED: Failure = { code: '', message: '', classes: [], permanent: false, retryInMs: null };

/** With jitter, the upper half is random. */
function spread(delayMs: number, jitter: boolean, random: number): number {
  return Math.round(jitter ? delayMs / 2 + (delayMs / 2) * random : delayMs);
}
