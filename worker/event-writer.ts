import { FencedError } from '../src/core/errors.ts';
import type { TaskEvent } from '../src/core/task-event.ts';
import { countLogLines, type NewEvent } from '../src/db/statements/append-events.ts';
import { untilAvailable } from './until-available.ts';
import type { WorkerResources } from './worker-resources.ts';

export interface WritingAttempt {
  taskId: string;
  attempt: number;
  /** Called when a write shows that the attempt is not current any more. */
  onFenced(error: FencedError): void;
}

/** Lines a task may log, over all of its attempts. */
const LOG_LINES_MAX = 1000;
const LAST_LINE = `The task has logged ${LOG_LINES_MAX} lines; further ones are only in the worker's log`;

/** Writes the log lines of one attempt as events, in order. */
export class LogWriter {
  readonly #resources: WorkerResources;
  readonly #attempt: WritingAttempt;
  #counted: Promise<void> | undefined;
  /** −1 when the line that says so has been written too. */
  #linesLeft = LOG_LINES_MAX;
  #written: Promise<unknown> = Promise.resolve();

  constructor(resources: WorkerResources, attempt: WritingAttempt) {
    this.#resources = resources;
    this.#attempt = attempt;
  }

  write(line: string): void {
    this.#counted ??= this.#countLines();
    this.#written = Promise.all([this.#written, this.#append(line)]);
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#written;
  }

  async #append(line: string): Promise<void> {
    await this.#counted;
    if (this.#linesLeft < 0) return;
    const message = this.#linesLeft === 0 ? LAST_LINE : line;
    this.#linesLeft -= 1;
    const { taskId, attempt } = this.#attempt;
    const at = new Date().toISOString();
    await writeEvent(this.#resources, this.#attempt, { taskId, attempt, type: 'LOG', progress: null, message, at });
  }

  /** Only a first attempt knows that nothing has been logged. */
  async #countLines(): Promise<void> {
    const { taskId, attempt } = this.#attempt;
    if (attempt === 1) return;
    const lines = untilAvailable(this.#resources, () => countLogLines(this.#resources.sql, taskId));
    this.#linesLeft = LOG_LINES_MAX - (await lines.catch(() => LOG_LINES_MAX + 1)); // the worker stops: no more lines
  }
}

/** Writes an event of a running attempt and publishes it; null when it could not. Waits for Postgres; never rejects. */
export async function writeEvent(
  resources: WorkerResources,
  { taskId, attempt, onFenced }: WritingAttempt,
  event: NewEvent,
): Promise<TaskEvent | null> {
  try {
    const added = await untilAvailable(resources, () => resources.events.add(event));
    if (added) resources.bus.publish([added]);
    else onFenced(new FencedError(taskId, attempt));
    return added;
  } catch (error) {
    resources.logger.error({ taskId, error }, 'An event of the task was not written');
    return null;
  }
}
