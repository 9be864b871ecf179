import type { Logger } from 'pino';
import type { Sql } from '../db/sql.ts';
import { type DispatchableTask, readDispatchable } from '../db/statements/find-undispatched.ts';
import type { TaskQueues } from './task-queues.ts';

const BATCH = 200;
/** More than these wait nowhere: the reconciler finds them. */
const WAITING_MAX = 10_000;
const UNCOMMITTED_MAX_MS = 60_000;

export interface DispatcherOptions {
  queues: TaskQueues;
  sql: Sql;
  logger: Logger;
}

/**
 * Hands committed tasks to BullMQ, in batches, without letting anybody wait for it. It may drop tasks (Redis is away, too
 * many at once, the process dies): what is open in Postgres and not in Redis is found by the reconciler.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #waiting: DispatchableTask[] = [];
  #running: Promise<void> | undefined;
  /** Tasks inserted in transactions that may not have ended yet, with the time they were noted. */
  readonly #uncommitted = new Map<string, number>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Dispatches tasks that are committed. */
  dispatch(tasks: readonly DispatchableTask[]): void {
    if (this.#waiting.length + tasks.length > WAITING_MAX) return;
    this.#waiting.push(...tasks);
    this.#running ??= this.#run();
  }

  /** Notes tasks of a transaction that is still open; {@link dispatchCommitted} dispatches them once it has committed. */
  noteUncommitted(ids: readonly string[]): void {
    if (this.#uncommitted.size + ids.length > WAITING_MAX) return;
    for (const id of ids) this.#uncommitted.set(id, Date.now());
  }

  /** Called after any commit: dispatches the noted tasks that are visible by now. */
  async dispatchCommitted(): Promise<void> {
    if (this.#uncommitted.size === 0) return;
    try {
      const tasks = await readDispatchable(this.#options.sql, [...this.#uncommitted.keys()]);
      for (const { id } of tasks) this.#uncommitted.delete(id);
      this.#forgetOld();
      this.dispatch(tasks);
    } catch (error) {
      this.#options.logger.debug({ error }, 'dispatch after commit is left to the reconciler');
    }
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** What is not committed by now was rolled back, or is the reconciler's. */
  #forgetOld(): void {
    const oldest = Date.now() - UNCOMMITTED_MAX_MS;
    for (const [id, notedAt] of this.#uncommitted) if (notedAt < oldest) this.#uncommitted.delete(id);
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what is enqueued in the same turn goes in the same batch
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH);
      try {
        await this.#options.queues.add(batch);
      } catch (error) {
        this.#options.logger.debug({ tasks: batch.length, error }, 'dispatch is left to the reconciler');
      }
    }
    this.#running = undefined;
  }
}
