import { TaskwireError, userError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { TaskEvent, TaskEventType } from '../core/task-event.ts';
import { isTerminal } from '../core/task-state.ts';
import type { ServiceResources } from './resources.ts';

export interface WatchTaskInput {
  id: string;
  /** The last sequence that was seen; without it the stream begins with a SNAPSHOT. */
  after?: number | null | undefined;
  /** Leaves out the other types, but never SNAPSHOT and the terminal event. */
  types?: readonly TaskEventType[] | null | undefined;
}

/**
 * The events of a task as they happen; ends after the terminal one.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a negative `after`, a `TaskwireError` with TASK_NOT_FOUND.
 */
export async function watchTask(
  { watcher }: ServiceResources,
  { id, after, types }: WatchTaskInput,
): Promise<AsyncIterableIterator<TaskEvent>> {
  requireSequence(after);
  const events = isId(id) ? await watcher.watch(id, { after: after ?? undefined }) : null;
  if (!events) throw new TaskwireError('TASK_NOT_FOUND', `there is no task with the id ${JSON.stringify(id)}`);
  return types ? only(events, new Set(types)) : events;
}

/** Throws a `UserInputError` with BAD_USER_INPUT for a negative place in a history. */
export function requireSequence(after: number | null | undefined): void {
  if (after == null || after >= 0) return;
  throw userError('BAD_USER_INPUT', `expected after to be 0 or more, got: ${after}`, ['after']);
}

/** Filters without a generator of its own, whose `return()` would wait for the next event. */
function only(events: AsyncGenerator<TaskEvent>, types: ReadonlySet<TaskEventType>): AsyncIterableIterator<TaskEvent> {
  const wanted = ({ type, state }: TaskEvent) => types.has(type) || type === 'SNAPSHOT' || isTerminal(state);
  return {
    async next() {
      for (;;) {
        const step = await events.next();
        if (step.done || wanted(step.value)) return step;
      }
    },
    return: () => events.return(undefined),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
