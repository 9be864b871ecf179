import type { Logger } from 'pino';
import { TaskCancelled, type WorkerStopping } from '../src/core/errors.ts';

/** Why a running attempt is to end. */
export type AbortReason = TaskCancelled | WorkerStopping | Error;

/** One attempt that runs in this process. */
export class RunningAttempt {
  readonly taskId: string;
  readonly #controller = new AbortController();
  readonly #abandoned = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout | undefined;

  constructor(taskId: string) {
    this.taskId = taskId;
    this.#abandoned.promise.catch(() => undefined); // nobody may be waiting
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Rejects with the reason when the handler did not end within the grace after an abort. */
  get abandoned(): Promise<never> {
    return this.#abandoned.promise;
  }

  /** Fires the signal; what still runs after `graceMs` is given up. The first reason counts. */
  abort(reason: AbortReason, graceMs: number): void {
    if (this.signal.aborted) return;
    this.#controller.abort(reason);
    this.#timer = setTimeout(() => this.#abandoned.reject(reason), graceMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** How long a cancelled handler may take to end by itself. */
const CANCEL_GRACE_MS = 5000;

/** The attempts that run in this process, by task. */
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
    attempt.end();
    if (this.#byTask.get(attempt.taskId) === attempt) this.#byTask.delete(attempt.taskId);
  }

  /** Ends a task's attempt if it runs here. */
  cancel(taskId: string, reason: string | null): void {
    const attempt = this.#byTask.get(taskId);
    if (!attempt || attempt.signal.aborted) return;
    this.#logger.info({ taskId, reason }, 'Task is being cancelled');
    attempt.abort(new TaskCancelled(reason), CANCEL_GRACE_MS);
  }

  abortAll(reason: AbortReason, graceMs: number): void {
    for (const attempt of this.#byTask.values()) attempt.abort(reason, graceMs);
  }
}
