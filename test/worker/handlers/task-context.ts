import { pino } from 'pino';
import type { ProgressReport } from '../../../src/core/progress.ts';
import { newId } from '../../../src/core/ids.ts';
import type { HandlerResources, TaskContext } from '../../../worker/task-handler.ts';

/** A context that keeps what its handler reports. */
export interface RecordingContext extends TaskContext {
  reports: ProgressReport[];
}

/** What a test wants of a context; a resource that it does not name throws when it is used. */
export interface ContextWishes extends Partial<Omit<TaskContext, 'resources'>> {
  resources?: Partial<HandlerResources>;
}

/** The context of a first attempt, as a worker makes it. */
export function openContext({ resources = {}, ...wishes }: ContextWishes = {}): RecordingContext {
  const reports: ProgressReport[] = [];
  return {
    taskId: newId(),
    attempt: 1,
    signal: new AbortController().signal,
    logger: pino({ level: 'silent' }),
    progress: (current, total, message) => void reports.push({ current, total, message }),
    step: () => Promise.reject(new Error('expected no step')),
    cleanup: () => undefined,
    tempFile: () => Promise.reject(new Error('expected no temporary file')),
    enqueue: () => Promise.reject(new Error('expected no task to be enqueued')),
    reports,
    ...wishes,
    resources: new Proxy(resources as HandlerResources, { get: getNamed }),
  };
}

function getNamed(resources: HandlerResources, name: string | symbol): unknown {
  if (name in resources) return resources[name as keyof HandlerResources];
  throw new Error(`expected the handler not to use ${String(name)}`);
}
