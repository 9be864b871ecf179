import type { z } from 'zod';
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry-policy.ts';

/**
 * Words: a *task* is the row and the work, a *contract* its definition, a *handler* its code, an *attempt* one execution of
 * the handler.
 */

/** `plain` handlers get `(payload, context)`; `database` handlers `(em, payload, context)` inside one unit of work. */
export type TaskKind = 'plain' | 'database';

/** The highest and the lowest priority: 0 runs first. */
export const PRIORITY_MIN = 0;
export const PRIORITY_MAX = 9;
const PRIORITY_DEFAULT = 5;
export const ATTEMPTS_MAX = 100;
const ATTEMPTS_DEFAULT = 3;
const CHILD_LIMITS: ChildLimits = { maxTasksPerChild: 1000, maxMemoryMb: 512 };

/**
 * Where a handler runs. `inline`: in the worker itself, for work that waits. `process` and `thread`: in a child that can be
 * ended whatever it does, for work that computes, hangs or leaks.
 */
export type Isolation = 'inline' | 'process' | 'thread';

/** In seconds. */
export interface TimeLimits {
  /** Then `context.signal` fires with `SoftTimeLimitExceeded`, and the handler may return what it has. */
  softSeconds?: number;
  /** Then the attempt ends as HARD_TIME_LIMIT; a child is killed. */
  hardSeconds?: number;
}

/** How many attempts of a task may start. */
export interface RateLimit {
  /** Starts at most, over all workers. */
  max: number;
  /** In so many seconds. */
  perSeconds: number;
}

/** How children are used. */
export interface ChildLimits {
  /** A child is replaced after so many attempts; default 1,000. */
  maxTasksPerChild: number;
  /** A child that holds more is replaced after its attempt, in MiB; default 512. At four times as much it is killed. */
  maxMemoryMb: number;
}

/** What a caller has to know of a task, and all that the API loads of it. */
export interface TaskContract<
  Name extends string = string,
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodObject = z.ZodObject,
  Kind extends TaskKind = TaskKind,
> {
  readonly kind: Kind;
  readonly name: Name;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly queue: string;
  readonly priority: number;
  readonly attempts: number;
  readonly retry: RetryPolicy;
  readonly limits: TimeLimits;
  readonly isolation: Isolation;
  readonly child: ChildLimits;
  readonly rateLimit: RateLimit | undefined;
  readonly diagnostic: boolean;
}

/** What {@link defineTask} and {@link defineDatabaseTask} take. */
export interface TaskSpec<Name extends string, Input extends z.ZodObject, Output extends z.ZodObject> {
  /** kebab-case and unique: the mutation, the types and the logs are named after it. */
  name: Name;
  /** One sentence, shown in GraphiQL. */
  description: string;
  /** Of the payload. It is validated when the task is enqueued and again before it runs. */
  input: Input;
  /** Of what the handler returns; validated before it is recorded. */
  output: Output;
  /** Default `default`. */
  queue?: string;
  /** 0 runs first, 9 last; default 5. */
  priority?: number;
  /** How many times the handler is tried at most, 1–100; default 3. */
  attempts?: number;
  /** The first rule that fits a failure counts; default: every failure, 1 s, 2 s, 4 s … 5 min later, half of it random. */
  retry?: RetryPolicy;
  /** Default none. */
  limits?: TimeLimits;
  /** Default `inline`. */
  isolation?: Isolation;
  /** For isolated tasks. */
  child?: Partial<ChildLimits>;
  /** Default none. */
  rateLimit?: RateLimit;
  /** For trying a deployment; left out in production unless DIAGNOSTIC_TASKS=true. Default false. */
  diagnostic?: boolean;
}

/** Defines a task whose handler is `(payload, context)`. Throws when the name or a number is out of its range. */
export function defineTask<const Name extends string, Input extends z.ZodObject, Output extends z.ZodObject>(
  spec: TaskSpec<Name, Input, Output>,
): TaskContract<Name, Input, Output, 'plain'> {
  return contract('plain', spec);
}

/**
 * Defines a task whose handler is `(em, payload, context)`: what it writes through `em`, its result and its SUCCESS are one
 * transaction. Throws as {@link defineTask} does.
 */
export function defineDatabaseTask<const Name extends string, Input extends z.ZodObject, Output extends z.ZodObject>(
  spec: TaskSpec<Name, Input, Output>,
): TaskContract<Name, Input, Output, 'database'> {
  return contract('database', spec);
}

function contract<Name extends string, Input extends z.ZodObject, Output extends z.ZodObject, Kind extends TaskKind>(
  kind: Kind,
  spec: TaskSpec<Name, Input, Output>,
): TaskContract<Name, Input, Output, Kind> {
  const { queue = 'default', priority = PRIORITY_DEFAULT, attempts = ATTEMPTS_DEFAULT, diagnostic = false } = spec;
  const { retry = DEFAULT_RETRY_POLICY, limits = {}, isolation = 'inline', rateLimit } = spec;
  const child = { ...CHILD_LIMITS, ...spec.child };
  requireName('task name', spec.name);
  requireName(`queue of ${spec.name}`, queue);
  requireInteger(`priority of ${spec.name}`, priority, PRIORITY_MIN, PRIORITY_MAX);
  requireInteger(`attempts of ${spec.name}`, attempts, 1, ATTEMPTS_MAX);
  requireLimits(spec.name, limits);
  return Object.freeze({
    ...spec,
    kind,
    queue,
    priority,
    attempts,
    retry,
    limits,
    isolation,
    child,
    rateLimit,
    diagnostic,
  });
}

/** Names of tasks, queues and workflows: kebab-case, so that they are safe in keys of Redis, in mutations and on the command line. */
export const KEBAB_CASE = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Throws a `TypeError` when the name of `what` is not kebab-case. */
export function requireName(what: string, name: string): void {
  if (!KEBAB_CASE.test(name)) {
    throw new TypeError(`expected the ${what} to be kebab-case, e.g. send-welcome-email, got: ${JSON.stringify(name)}`);
  }
}

function requireInteger(what: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`expected the ${what} to be an integer from ${min} to ${max}, got: ${value}`);
  }
}

function requireLimits(name: string, { softSeconds, hardSeconds }: TimeLimits): void {
  for (const [which, seconds] of Object.entries({ soft: softSeconds, hard: hardSeconds })) {
    if (seconds !== undefined && !(seconds > 0)) {
      throw new RangeError(`expected the ${which} time limit of ${name} to be more than 0 s, got: ${seconds}`);
    }
  }
  if (softSeconds !== undefined && hardSeconds !== undefined && softSeconds >= hardSeconds) {
    throw new RangeError(
      `expected the soft time limit of ${name} to be below the hard one of ${hardSeconds} s, got: ${softSeconds}`,
    );
  }
}

/** The payload as a caller gives it (before defaults). */
export type PayloadInput<C extends TaskContract> = z.input<C['input']>;

/** The payload as the handler gets it. */
export type Payload<C extends TaskContract> = z.output<C['input']>;

/** What the handler returns. */
export type Result<C extends TaskContract> = z.input<C['output']>;
