import type { TaskError } from '../core/task-event.ts';
import { TaskAttempt } from '../db/entities/task-attempt.ts';
import type { TaskRow } from '../db/entities/task.ts';
import type { ServiceResources } from './resources.ts';

/** One execution of a task's handler. */
export interface AttemptView {
  /** 1 for the first. */
  number: number;
  startedAt: Date;
  /** Null while it runs. */
  finishedAt: Date | null;
  /** The id of the worker. */
  worker: string | null;
  /** How it failed; null when it did not. */
  error: TaskError | null;
}

/** The attempts of a task, oldest first: those that are over and were not the last, and the one that its row tells. */
export async function listAttempts({ orm }: Pick<ServiceResources, 'orm'>, task: TaskRow): Promise<AttemptView[]> {
  if (task.attempt === 0) return [];
  const earlier = await orm.em.fork().find(TaskAttempt, { taskId: task.id }, { orderBy: { number: 'asc' } });
  const attempts = earlier.map(({ number, startedAt, finishedAt, worker, error }) => {
    return { number, startedAt, finishedAt, worker: worker ?? null, error: error ?? null };
  });
  return [...attempts, ...currentOf(task)];
}

function currentOf({ attempt, startedSequence, attemptStartedAt, finishedAt, worker, error }: TaskRow): AttemptView[] {
  if (startedSequence == null || attemptStartedAt == null) return [];
  const over = finishedAt ?? null;
  const failure = over === null ? null : (error ?? null);
  return [{ number: attempt, startedAt: attemptStartedAt, finishedAt: over, worker: worker ?? null, error: failure }];
}
