import type { ProgressReport } from '../src/core/progress.ts';
import type { Logger } from '../src/logger.ts';
import type { EnqueuedTask, EnqueueInput } from '../src/operations/enqueue-task.ts';
import type { AttemptCleanup } from './attempt-cleanup.ts';
import type { HandlerResources, TaskContext } from './task-handler.ts';
import { openTaskLogger } from './task-logger.ts';
import { doStep } from './task-steps.ts';

/** What stands behind a handler's context: the worker itself, or in a child the channel to it. */
export interface ContextParts {
  taskId: string;
  attempt: number;
  signal: AbortSignal;
  logger: Logger;
  /** Makes a line of the task's log an event. */
  recordLine(line: string): void;
  report(report: ProgressReport): void;
  enqueue(input: EnqueueInput): Promise<EnqueuedTask>;
  cleanup: AttemptCleanup;
  resources: HandlerResources;
}

/** Opens what a handler gets besides its payload. */
export function openTaskContext(parts: ContextParts): TaskContext {
  const { taskId, attempt, signal, logger, recordLine, report, enqueue, cleanup, resources } = parts;
  return {
    taskId,
    attempt,
    signal,
    resources,
    logger: openTaskLogger(logger, recordLine),
    progress: (current, total, message) => report({ current, total, message }),
    enqueue: ({ name }, payload, options) => enqueue({ name, payload, options }),
    step: (key, run) => doStep({ orm: resources.orm, taskId, attempt }, key, run),
    cleanup: (step) => cleanup.add(step),
    tempFile: (name) => cleanup.tempFile(name),
  };
}
