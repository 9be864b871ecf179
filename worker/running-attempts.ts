import {
  HardTimeLimitExceeded,
  SoftTimeLimitExceeded,
  TaskCancelled,
  type FencedError,
  type WorkerStopping,
} from '../src/core/errors.ts';
import type { TimeLimits } from '../src/core/define-task.ts';
import type { Logger } from '../src/logger.ts';

/** Why a running attempt must end, whatever its handler returns. */
export type Ending = TaskCancelled | WorkerStopping | FencedError | HardTimeLimitExceeded;

/**
 * One attempt that runs in this process or in a child of it.
 *
 * Its signal fires when it should end. The soft time limit leaves it at that; every other reason is an {@link ending}: the
 * handler's result no longer counts, and after a grace it is given up (a child is killed).
 */
export class RunningAttempt {
  readonly taskId: string;
  /** Undefined as long as the handler's result counts. */
  ending: Ending | undefined;
  readonly #controller = new AbortController();
  readonly #abandoned = Promise.withResolvers<never>();
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(taskId: string) {
    this.taskId = taskId;
    this.#abandoned.promise.catch(() => undefined); // nobody may be waiting
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Rejects with the ending when the handler did not end within its grace. */
  get abandoned(): Promise<never> {
    return this.#abandoned.promise;
  }

  /** Starts the clock. */
  limit({ softSeconds, hardSeconds }: TimeLimits): void {
    if (softSeconds !== undefined) {
      this.#after(softSeconds, () => this.#controller.abort(new SoftTimeLimitExceeded(softSeconds)));
    }
    if (hardSeconds !== undefined) {
      this.#after(hardSeconds, () => this.end(new HardTimeLimitExceeded(hardSeconds), 0));
    }
  }

  /** Fires the signal; what still runs after `graceMs` is given up. The first ending counts, a shorter grace always does. */
  end(ending: Ending, graceMs: number): void {
    this.ending ??= ending;
    const reason = this.ending;
    this.#controller.abort(reason);
    this.#after(graceMs / 1000, () => this.#abandoned.reject(reason));
  }

  /** Throws the ending if there is one. */
  throwIfEnding(): void {
    if (this.ending) throw this.ending;
  }

  /** Stops the clocks. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #after(seconds: number, run: () => void): void {
    this.#timers.push(setTimeout(run, seconds * 1000));
  }
}

/** How long a cancelled handler may take to end by itself. */
const CANCEL_GRACE_MS = 5000;

/** The attempts that run here, by task. */
export class RunningAttempts {
  readonly #byTask = new Map<string, RunningAttempt>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get size(): number {
    return this.#byTask.size;
  }

  begin(taskId: string): RunningAttempt {
    const attempt = new RunningAttempt(taskId);
    this.#byTask.set(taskId, attempt);
    return attempt;
  }

  end(attempt: RunningAttempt): void {
    attempt.close();
    if (this.#byTask.get(attempt.taskId) === attempt) this.#byTask.delete(attempt.taskId);
  }

  /** Ends a task's attempt if it runs here; `force` skips the grace, also of a cancellation that is under way. */
  cancel(taskId: string, reason: string | null, force: boolean): void {
    const attempt = this.#byTask.get(taskId);
    if (!attempt || (attempt.ending && !force)) return;
    this.#logger.info({ taskId, reason, force }, 'Task is being cancelled');
    attempt.end(new TaskCancelled(reason), force ? 0 : CANCEL_GRACE_MS);
  }

  endAll(ending: Ending, graceMs: number): void {
    for (const attempt of this.#byTask.values()) attempt.end(ending, graceMs);
  }
}
