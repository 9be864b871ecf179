/** What must not compile; the type check of the whole project fails when one of these lines does. */
import type { EntityManager } from '../../src/db/orm.ts';
import type { noop } from '../../src/tasks/diagnostics.ts';
import type { updateUserStats } from '../../src/tasks/user.ts';
import { handlers } from '../../worker/handlers/registry.ts';
import type { HandlerRegistry, TaskContext, TaskHandler } from '../../worker/task-handler.ts';

const { noop: withoutNoop, ...others } = handlers;

// @ts-expect-error a task without its handler
export const incomplete: HandlerRegistry = others;

// @ts-expect-error a handler of no task
export const unknown: HandlerRegistry = { ...handlers, 'no-such-task': withoutNoop };

// @ts-expect-error the handler of another task
export const swapped: HandlerRegistry = { ...others, noop: handlers['send-welcome-email'] };

// @ts-expect-error a result without its fields
export const resultless: TaskHandler<typeof updateUserStats> = async () => ({});

// @ts-expect-error a plain handler gets no EntityManager
export const misplaced: TaskHandler<typeof noop> = async (em: EntityManager) => ({ em });

/** What must compile: parameters are inferred from the contract. */
export const inferred: TaskHandler<typeof updateUserStats> = async (em, { userId }, { signal, progress, enqueue }) => {
  const manager: EntityManager = em;
  const id: number = userId;
  const abort: AbortSignal = signal;
  const report: TaskContext['progress'] = progress;
  report(id, manager.isInTransaction() ? 1 : 0);
  await enqueue({} as typeof noop, {});
  // @ts-expect-error a payload that the contract does not have
  await enqueue({} as typeof updateUserStats, { user: 1 });
  return { userId: id, loginCount: 1, updatedAt: abort.aborted ? 'then' : 'now' };
};
