import { GraphQLError, type GraphQLErrorExtensions } from 'graphql';
import type { Logger } from 'pino';
import { type InputProblem, ServiceUnavailableError, TaskwireError, UserInputError } from '../core/errors.ts';
import { isPostgresUnavailable } from '../db/unavailable.ts';

/**
 * Where errors go. What a caller can mend comes in a mutation's `userErrors`. Everything else becomes a top-level error
 * with `extensions.code`; of a fault of ours the caller learns no more than that it happened.
 */

const INTERNAL_MESSAGE = 'Something went wrong in the service; its log tells what.';
const BAD_REQUEST_STATUS = 400;
const INTERNAL_STATUS = 500;
/** While Postgres is away every request fails, and a line every five seconds tells as much. */
const UNAVAILABLE_LOG_INTERVAL_MS = 5000;

/** Runs a mutation; its {@link UserInputError} becomes `userErrors`, beside what `empty` says of the rest. */
export async function withUserErrors<Empty extends object, Done extends object>(
  empty: Empty,
  run: () => Promise<Done>,
): Promise<(Empty | Done) & { userErrors: readonly InputProblem[] }> {
  try {
    return { ...(await run()), userErrors: [] };
  } catch (error) {
    if (!(error instanceof UserInputError)) throw error;
    return { ...empty, userErrors: error.problems };
  }
}

/** Turns anything that was thrown into what a client may see. Doing it twice changes nothing. */
export type ToPublicError = (error: unknown) => GraphQLError;

/** Faults are logged with their stack to `logger`. */
export function openErrorMapping(logger: Logger): ToPublicError {
  const mapped = new WeakSet<object>();
  const logUnavailable = atMostEvery(UNAVAILABLE_LOG_INTERVAL_MS, (error) => {
    logger.warn({ err: error }, 'requests fail because a service that they need is away');
  });
  return (error) => {
    if (error instanceof GraphQLError && mapped.has(error)) return error;
    const cause = causeOf(error);
    const known = describeKnown(cause) ?? describeRequestError(cause, error);
    if (!known) logger.error({ err: cause, path: pathOf(error) }, 'an operation failed');
    if (known?.extensions.code === 'SERVICE_UNAVAILABLE') logUnavailable(cause);
    const result = locate(known ?? describeInternal(error), error);
    mapped.add(result);
    return result;
  };
}

interface Description {
  message: string;
  extensions: GraphQLErrorExtensions;
}

/** Errors that Taskwire throws on purpose, and Postgres that is away. */
function describeKnown(cause: unknown): Description | undefined {
  if (cause instanceof UserInputError) {
    return { message: cause.message, extensions: { code: 'BAD_USER_INPUT', userErrors: cause.problems } };
  }
  if (cause instanceof TaskwireError) return { message: cause.message, extensions: { code: cause.code } };
  if (!isPostgresUnavailable(cause)) return undefined;
  return describeKnown(new ServiceUnavailableError('PostgreSQL', cause));
}

/**
 * Errors that graphql-js and yoga find in a request: syntax, validation, variables, arguments, the body. One that was thrown
 * while a field was completed, and names no place in the document, is ours: a value did not fit its type.
 */
function describeRequestError(cause: unknown, error: unknown): Description | undefined {
  const inField = pathOf(error) !== undefined;
  if (cause instanceof RangeError && !inField && cause.message.includes('call stack')) {
    return { message: 'expected a document that is nested less deeply', extensions: { code: 'BAD_USER_INPUT' } };
  }
  if (!(cause instanceof GraphQLError) || (cause.nodes === undefined && inField)) return undefined;
  const { message } = error as GraphQLError; // may say which variable it is
  return { message, extensions: { code: 'BAD_USER_INPUT', ...httpOf(cause) } };
}

/** The status that yoga asks for. `spec` means: not for clients that want 200 for every well-formed request. */
function httpOf({ extensions }: GraphQLError): { http?: object } {
  const { http, code } = extensions;
  if (typeof http !== 'object' || http === null) return {};
  if (code !== 'BAD_REQUEST') return { http };
  const { spec: _spec, ...rest } = http as { spec?: boolean };
  return { http: { status: BAD_REQUEST_STATUS, ...rest } };
}

function describeInternal(error: unknown): Description {
  const http = pathOf(error) === undefined ? { http: { status: INTERNAL_STATUS } } : {};
  return { message: INTERNAL_MESSAGE, extensions: { code: 'INTERNAL_SERVER_ERROR', ...http } };
}

/** Keeps the place in the document and in the response, and drops the original. */
function locate({ message, extensions }: Description, error: unknown): GraphQLError {
  if (!(error instanceof GraphQLError)) return new GraphQLError(message, { extensions });
  const { nodes = null, source = null, positions = null, path = null } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

/** What was thrown first: graphql-js wraps it to say where. */
function causeOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? causeOf(error.originalError) : error;
}

function pathOf(error: unknown): readonly (string | number)[] | undefined {
  return error instanceof GraphQLError ? error.path : undefined;
}

function atMostEvery(intervalMs: number, run: (error: unknown) => void): (error: unknown) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    const nowMs = performance.now();
    if (nowMs - lastMs < intervalMs) return;
    lastMs = nowMs;
    run(error);
  };
}
