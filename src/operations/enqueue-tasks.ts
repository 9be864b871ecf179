import { UserInputError, userError } from '../core/errors.ts';
import { insertTasks, type NewTask } from '../db/statements/insert-tasks.ts';
import { dispatchNew, type EnqueuedTask, type EnqueueInput, findDuplicate, prepareTask } from './enqueue-task.ts';
import type { EnqueueResources } from './resources.ts';

/** The most tasks of one call. */
const ENQUEUE_TASKS_MAX = 1000;

/** What became of one input: a task, or what is wrong with it. */
export type EnqueueOutcome = EnqueuedTask | UserInputError;

/**
 * Enqueues many tasks; the valid ones in one transaction. Answers an outcome for each input, in their order.
 *
 * Throws a `UserInputError` with TOO_MANY_TASKS past {@link ENQUEUE_TASKS_MAX}.
 */
export async function enqueueTasks(
  resources: EnqueueResources,
  inputs: readonly Omit<EnqueueInput, 'em'>[],
): Promise<EnqueueOutcome[]> {
  if (inputs.length > ENQUEUE_TASKS_MAX) {
    throw userError('TOO_MANY_TASKS', `expected at most ${ENQUEUE_TASKS_MAX} tasks, got: ${inputs.length}`, ['inputs']);
  }
  const prepared = inputs.map((input) => orUserInputError(() => prepareTask(resources, input)));
  const valid = prepared.filter((task): task is NewTask => !(task instanceof UserInputError));
  const inserted = valid.length === 0 ? new Set<string>() : await insertTasks(resources.sql, valid);
  dispatchNew(
    resources,
    valid.filter(({ id }) => inserted.has(id)),
  );

  const outcomes: EnqueueOutcome[] = [];
  for (const task of prepared) {
    if (task instanceof UserInputError) outcomes.push(task);
    else if (inserted.has(task.id)) outcomes.push({ id: task.id, created: task, duplicate: false });
    else outcomes.push(await findDuplicate(resources, task).catch(rethrowUnlessUserInput));
  }
  return outcomes;
}

function orUserInputError<T>(run: () => T): T | UserInputError {
  try {
    return run();
  } catch (error) {
    return rethrowUnlessUserInput(error);
  }
}

function rethrowUnlessUserInput(error: unknown): UserInputError {
  if (error instanceof UserInputError) return error;
  throw error;
}
