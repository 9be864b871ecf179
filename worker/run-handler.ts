import { DriverException } from '@mikro-orm/core';
import type { TaskContract } from '../src/core/define-task.ts';
import { FailPermanently } from '../src/core/errors.ts';
import type { EntityManager } from '../src/db/orm.ts';
import type { AttemptCleanup } from './attempt-cleanup.ts';
import type { HandlerRegistry, TaskContext } from './task-handler.ts';

/** One run of a handler, in the worker or in a child. */
export interface HandlerRun {
  contract: TaskContract;
  /** As it is stored. */
  input: unknown;
  /** `em` is that of a database task. */
  contextFor(em: EntityManager | undefined): TaskContext;
  cleanup: AttemptCleanup;
}

/** Tells what a handler threw from what Taskwire's own statements threw around it. */
class HandlerThrew extends Error {
  constructor(cause: unknown) {
    super('The handler threw', { cause });
  }
}

type AnyHandler = (...args: unknown[]) => Promise<unknown>;

/**
 * Parses the payload, runs the handler, parses its result, and puts back what the attempt has to put back.
 *
 * Throws `FailPermanently` with PAYLOAD_INVALID or RESULT_INVALID, a {@link HandlerThrew}, or the error of a database that
 * is away, after which the same can be done again.
 */
export async function runHandler(
  handlers: HandlerRegistry,
  { contract, input, contextFor, cleanup }: HandlerRun,
  em?: EntityManager,
): Promise<unknown> {
  const payload = contract.input.safeParse(input);
  if (!payload.success) throw new FailPermanently('PAYLOAD_INVALID', payload.error.message);
  const handler = handlers[contract.name as keyof HandlerRegistry] as AnyHandler;
  const context = contextFor(em);
  try {
    const returned = await (em ? handler(em, payload.data, context) : handler(payload.data, context));
    const result = contract.output.safeParse(returned);
    if (!result.success) throw new FailPermanently('RESULT_INVALID', result.error.message);
    return result.data;
  } catch (thrown) {
    throw thrown instanceof DriverException ? thrown : new HandlerThrew(thrown);
  } finally {
    await cleanup.run();
  }
}

/** What the handler threw, without the wrapping. */
export function unwrapThrown(thrown: unknown): unknown {
  return thrown instanceof HandlerThrew ? thrown.cause : thrown;
}
