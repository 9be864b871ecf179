/** Where in an input something is wrong, and what. */
export interface InputProblem {
  code: string;
  message: string;
  /** From the outermost field inwards; list positions as text. */
  path: string[];
}

/** The base of all errors that Taskwire itself throws. `code` is SCREAMING_SNAKE and part of the API. */
export class TaskwireError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** In characters. A message quotes what was got, which may be a whole document. */
const PROBLEM_MESSAGE_MAX = 2000;

/** What the caller of an operation can mend; becomes `userErrors` in GraphQL. Of a long message 2,000 characters are kept. */
export class UserInputError extends TaskwireError {
  readonly problems: readonly InputProblem[];

  constructor(problems: readonly [InputProblem, ...InputProblem[]]) {
    const shortened = problems.map((problem) => ({ ...problem, message: shorten(problem.message) }));
    super(problems[0].code, shortened.map((problem) => problem.message).join('; '));
    this.problems = shortened;
  }
}

function shorten(message: string): string {
  if (message.length <= PROBLEM_MESSAGE_MAX) return message;
  return `${message.slice(0, PROBLEM_MESSAGE_MAX - 1).toWellFormed()}…`;
}

/** One problem with one field, the commonest {@link UserInputError}. */
export function userError(code: string, message: string, path: string[] = []): UserInputError {
  return new UserInputError([{ code, message, path }]);
}

/** A part that Taskwire needs (Postgres, the file store) does not answer. Trying again later is right. */
export class ServiceUnavailableError extends TaskwireError {
  constructor(service: string, cause: unknown) {
    super('SERVICE_UNAVAILABLE', `${service} is not available right now; nothing was changed. Try again in a moment.`, {
      cause,
    });
  }
}

/** The configuration is wrong; lists every wrong variable. */
export class ConfigurationError extends TaskwireError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('CONFIGURATION', `The configuration has ${problems.length} problem(s):\n  ${problems.join('\n  ')}`);
    this.problems = problems;
  }
}

/** The attempt that wanted to write is no longer the task's current one; what it did is rolled back. */
export class FencedError extends TaskwireError {
  constructor(taskId: string, attempt: number) {
    super('FENCED', `Attempt ${attempt} of task ${taskId} is no longer its current attempt: its writes are dropped.`);
  }
}

/** Thrown by a handler: this task can never succeed, no further attempt is made. */
export class FailPermanently extends TaskwireError {}

/** A file that a task or a client names is not there; it will not come back by trying again. */
export class FileNotFoundError extends FailPermanently {
  constructor(id: string) {
    super('FILE_NOT_FOUND', `there is no file with the id ${JSON.stringify(id)}`);
  }
}

/** A service outside Taskwire could not be reached, or the connection to it broke. Trying again later is right. */
export class ConnectionError extends TaskwireError {
  constructor(service: string, cause: unknown) {
    super('CONNECTION', `could not reach ${service}: ${messageOf(cause)}`, { cause });
  }
}

/** A service outside Taskwire was reached, or nearly, but did not answer in time. Trying again later is right. */
export class TimeoutError extends TaskwireError {
  constructor(service: string, cause: unknown) {
    super('TIMEOUT', `${service} did not answer in time: ${messageOf(cause)}`, { cause });
  }
}

/** What {@link HttpError} knows besides the status. */
export interface HttpErrorDetails {
  /** What the service wished, in milliseconds (Retry-After); null when it wished nothing. */
  retryAfterMs?: number | null;
  /** The beginning of its answer. */
  excerpt?: string;
}

/**
 * A service outside Taskwire answered, but not with what was asked for. The code tells retry policies what to make of the
 * status: RATE_LIMITED for 429, GATEWAY_ERROR for 408 and 5xx, and GATEWAY_REFUSED for every other.
 */
export class HttpError extends TaskwireError {
  readonly status: number;
  /** The backoff `carried` waits so long; null when the service wished nothing. */
  readonly retryAfterMs: number | null;

  constructor(service: string, status: number, { retryAfterMs = null, excerpt = '' }: HttpErrorDetails = {}) {
    super(codeOfStatus(status), `${service} answered ${status}${excerpt === '' ? '' : `: ${excerpt}`}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

function codeOfStatus(status: number): string {
  if (status === 429) return 'RATE_LIMITED';
  return status === 408 || status >= 500 ? 'GATEWAY_ERROR' : 'GATEWAY_REFUSED';
}

/** A year: what an error carries may be any number, and Postgres has no such time. */
export const RETRY_DELAY_MAX_MS = 366 * 24 * 3_600_000;

/**
 * Thrown by a handler: try again after `delayMs`, up to a year, whatever the backoff says, as long as attempts are left.
 * The constructor throws a `RangeError` for another delay.
 */
export class RetryIn extends TaskwireError {
  readonly delayMs: number;

  constructor(delayMs: number, message = `The handler asked to be run again in ${delayMs} ms`) {
    super('RETRY_IN', message);
    if (!(delayMs >= 0 && delayMs <= RETRY_DELAY_MAX_MS)) {
      throw new RangeError(`expected the delay to be from 0 to ${RETRY_DELAY_MAX_MS} ms, got: ${delayMs}`);
    }
    this.delayMs = delayMs;
  }
}

/** The reason of the `AbortSignal` of a task that is being cancelled. */
export class TaskCancelled extends TaskwireError {
  constructor(reason: string | null) {
    super('CANCELLED', reason ?? 'The task was cancelled');
  }
}

/** The reason of the `AbortSignal` when the soft time limit is over: the handler may return what it has. */
export class SoftTimeLimitExceeded extends TaskwireError {
  readonly seconds: number;

  constructor(seconds: number) {
    super('SOFT_TIME_LIMIT', `The soft time limit of ${seconds} s is over`);
    this.seconds = seconds;
  }
}

/** The attempt took longer than its hard time limit and was ended. */
export class HardTimeLimitExceeded extends TaskwireError {
  constructor(seconds: number) {
    super('HARD_TIME_LIMIT', `The hard time limit of ${seconds} s is over; the attempt was ended`);
  }
}

/** The isolated child that ran the attempt ended, or used more memory than it may. */
export class ChildCrashed extends TaskwireError {
  constructor(how: string) {
    super('CHILD_CRASHED', `The child that ran the attempt ended: ${how}`);
  }
}

/** The reason of the `AbortSignal` of every running task when its worker's grace is over. */
export class WorkerStopping extends TaskwireError {
  constructor() {
    super('WORKER_STOPPING', 'The worker is stopping and its grace is over');
  }
}

const UNKNOWN_CODE = 'UNKNOWN_ERROR';

/** The declared code of anything thrown. */
export function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : UNKNOWN_CODE;
}

/** The text of anything thrown, whatever it is. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'something that has no text was thrown';
  }
}
