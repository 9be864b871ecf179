import { codeOf, FailPermanently, messageOf, RetryIn } from './errors.ts';
import { toStorableText } from './storable.ts';
import type { TaskError } from './task-event.ts';

/**
 * What the retry policy has to know of something that was thrown. Plain JSON: it survives the boundary of a process, where
 * classes don't.
 */
export interface Failure {
  /** SCREAMING_SNAKE. */
  code: string;
  message: string;
  /** The names of the error's classes, from its own upwards. */
  classes: string[];
  /** Whether the handler said that no attempt can end differently. */
  permanent: boolean;
  /** When the handler, or the service that it called, wishes the next attempt; null when it did not say. */
  retryInMs: number | null;
}

/** What a handler threw in a child: described, as its class stayed there. */
export class ReportedFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_SOCKET',
]);

const TIMEOUT_CODES = new Set([
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

/** Describes anything thrown. Network errors of Node and of `fetch` get the codes CONNECTION and TIMEOUT. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof ReportedFailure) return thrown.failure;
  return {
    code: networkCodeOf(thrown) ?? codeOf(thrown),
    message: toStorableText(withCause(thrown)),
    classes: classesOf(thrown),
    permanent: thrown instanceof FailPermanently,
    retryInMs: retryInOf(thrown),
  };
}

/** As a failure is stored with its task. */
export function toTaskError({ code, message }: Failure, retryable: boolean): TaskError {
  return { code, message, retryable };
}

function networkCodeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const code = 'code' in thrown ? String(thrown.code) : '';
  if (CONNECTION_CODES.has(code)) return 'CONNECTION';
  if (TIMEOUT_CODES.has(code) || thrown.name === 'TimeoutError') return 'TIMEOUT';
  if (thrown instanceof AggregateError) return networkCodeOf(thrown.errors[0]);
  // `fetch` throws a TypeError and has the reason as its cause.
  return thrown instanceof TypeError ? networkCodeOf(thrown.cause) : undefined;
}

/** `fetch failed` says little without its cause. */
function withCause(thrown: unknown): string {
  const cause = thrown instanceof TypeError ? thrown.cause : undefined;
  return cause === undefined ? messageOf(thrown) : `${messageOf(thrown)}: ${messageOf(cause)}`;
}

function classesOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return [];
  const names: string[] = [];
  for (let at: Error = Object.getPrototypeOf(thrown); at instanceof Error; at = Object.getPrototypeOf(at)) {
    names.push(at.constructor.name);
  }
  return [...names, 'Error'];
}

function retryInOf(thrown: unknown): number | null {
  if (thrown instanceof RetryIn) return thrown.delayMs;
  const carried = thrown instanceof Error && 'retryAfterMs' in thrown ? thrown.retryAfterMs : undefined;
  return typeof carried === 'number' && carried >= 0 ? carried : null;
}
