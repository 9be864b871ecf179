import type { ChildLimits, Isolation, TaskContract } from '../../src/core/define-task.ts';
import { ChildCrashed, codeOf, FencedError, messageOf, SoftTimeLimitExceeded } from '../../src/core/errors.ts';
import { ReportedFailure } from '../../src/core/failure.ts';
import type { ProgressReport } from '../../src/core/progress.ts';
import type { ClaimedTask } from '../../src/db/statements/claim-tasks.ts';
import type { SettledTask } from '../../src/db/statements/settle-attempts.ts';
import type { WorkflowNews } from '../../src/operations/advance-workflows.ts';
import type { Logger } from '../../src/logger.ts';
import type { Dispatcher } from '../../src/queue/dispatcher.ts';
import type { RunningAttempt } from '../running-attempts.ts';
import { type Child, startChild } from './child.ts';
import type { AbortMessage, ChildEnd, FromChild } from './messages.ts';

/** A child that has nothing to do for so long is ended. */
const IDLE_MAX_MS = 60_000;
/** How long a child that is replaced may take to close what it has open. */
const END_GRACE_MS = 1000;

/** What running an attempt in a child takes. */
export interface IsolatedAttempt {
  task: Pick<ClaimedTask, 'id' | 'attempt' | 'name' | 'input' | 'workflowId'>;
  contract: TaskContract;
  running: Pick<RunningAttempt, 'signal' | 'abandoned'>;
  /** Of its temporary files. */
  folder: string;
  report(report: ProgressReport): void;
  recordLine(line: string): void;
  /** Writes what the attempt has reported so far. */
  flushEvents(): Promise<void>;
}

/** How an isolated attempt went: a plain task has a result, a database task is recorded already. */
export type IsolatedOutcome =
  | { kind: 'result'; result: unknown }
  | { kind: 'recorded'; settled: SettledTask; result: unknown; news: WorkflowNews };

interface PooledChild {
  child: Child;
  /** So far. */
  runs: number;
  /** Ends the run that is under way; the one place that knows of it, as a child outlives a thousand runs. */
  fail?: (crash: ChildCrashed) => void;
  idleTimer?: NodeJS.Timeout;
}

export interface ChildPoolsOptions {
  dispatcher: Pick<Dispatcher, 'dispatch' | 'noteUncommitted' | 'dispatchCommitted'>;
  /** Of the children's sessions in Postgres. */
  applicationName: string;
  logger: Logger;
}

/**
 * The children of a worker: warm, reused by tasks with the same limits, replaced after a number of runs or above an amount
 * of memory, and ended when they have had nothing to do for a minute.
 *
 * Of the pool libraries none ends one child whatever it does, replaces by runs and by memory, and exchanges messages with
 * processes and threads alike; hence our own.
 */
export class ChildPools {
  readonly #options: ChildPoolsOptions;
  readonly #idle = new Map<string, PooledChild[]>();
  /** All that have not exited. */
  readonly #all = new Set<PooledChild>();
  #closed = false;

  constructor(options: ChildPoolsOptions) {
    this.#options = options;
  }

  /**
   * Runs an attempt in a child, and kills the child when the attempt is given up.
   *
   * Throws a `ChildCrashed` when the child ended by itself, a `ReportedFailure` with what its handler threw, and a
   * `FencedError`.
   */
  async run(attempt: IsolatedAttempt): Promise<IsolatedOutcome> {
    const { isolation, child: limits } = attempt.contract;
    const kind = isolation === 'thread' ? 'thread' : 'process';
    const pooled = this.#take(kind, limits);
    const end = await this.#perform(pooled, attempt);
    this.#giveBack(kind, limits, pooled, end.memoryMb);
    await this.#options.dispatcher.dispatchCommitted();
    return outcomeOf(end, attempt);
  }

  /** Ends all children that have nothing to do; those that run are killed. Resolves when they are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const idle = new Set([...this.#idle.values()].flat());
    for (const pooled of this.#all) {
      if (idle.has(pooled)) this.#end(pooled);
      else pooled.child.kill();
    }
    await Promise.all([...this.#all].map(({ child }) => child.exited));
  }

  /** Once the attempt has ended, nothing of it may reach the child, which may run another one by then. */
  async #perform(pooled: PooledChild, attempt: IsolatedAttempt): Promise<ChildEnd> {
    const { child } = pooled;
    const { signal, abandoned } = attempt.running;
    let over = false;
    const abort = () => child.send({ type: 'abort', reason: toMessage(signal.reason) });
    try {
      const exchanged = this.#exchange(pooled, attempt);
      abandoned.catch(() => over || child.kill());
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
      return await exchanged;
    } finally {
      over = true;
      delete pooled.fail;
      signal.removeEventListener('abort', abort);
      child.onMessage(() => undefined);
    }
  }

  /** Sends the run and serves the child until it says how the run ended, or ends itself. */
  #exchange(pooled: PooledChild, attempt: IsolatedAttempt): Promise<ChildEnd> {
    const { child } = pooled;
    const { task, folder } = attempt;
    return new Promise((resolve, reject) => {
      pooled.fail = reject;
      child.onMessage((message) => {
        if ('memoryMb' in message) resolve(message);
        else this.#serve(child, attempt, message).catch((error: unknown) => this.#giveUp(child, error));
      });
      const { id: taskId, attempt: number, name, input, workflowId } = task;
      child.send({ type: 'run', run: { taskId, attempt: number, name, input, workflowId, folder } });
    });
  }

  async #serve(child: Child, attempt: IsolatedAttempt, message: Exclude<FromChild, ChildEnd>): Promise<void> {
    const { dispatcher } = this.#options;
    switch (message.type) {
      case 'progress':
        return attempt.report(message.report);
      case 'line':
        return attempt.recordLine(message.line);
      case 'dispatch':
        return dispatcher.dispatch(message.tasks);
      case 'uncommitted':
        return dispatcher.noteUncommitted(message.ids);
      case 'flush':
        await attempt.flushEvents();
        return child.send({ type: 'flushed' });
    }
  }

  /** The child waits for an answer that it can't get. */
  #giveUp(child: Child, error: unknown): void {
    this.#options.logger.error({ error }, 'A child could not be served');
    child.kill();
  }

  #take(isolation: 'process' | 'thread', limits: ChildLimits): PooledChild {
    const warm = this.#idle.get(keyOf(isolation, limits))?.pop();
    clearTimeout(warm?.idleTimer);
    if (warm) return warm;
    const pooled: PooledChild = { child: startChild(isolation, limits, this.#options.applicationName), runs: 0 };
    this.#all.add(pooled);
    void pooled.child.exited.then((how) => {
      this.#withdraw(pooled);
      this.#all.delete(pooled);
      pooled.fail?.(new ChildCrashed(how));
    });
    return pooled;
  }

  #giveBack(isolation: 'process' | 'thread', limits: ChildLimits, pooled: PooledChild, memoryMb: number): void {
    pooled.runs += 1;
    if (this.#closed || pooled.runs >= limits.maxTasksPerChild || memoryMb > limits.maxMemoryMb) {
      this.#options.logger.debug({ runs: pooled.runs, memoryMb }, 'A child is replaced');
      this.#end(pooled);
      return;
    }
    const key = keyOf(isolation, limits);
    this.#idle.set(key, [...(this.#idle.get(key) ?? []), pooled]);
    pooled.idleTimer = setTimeout(() => this.#end(pooled), IDLE_MAX_MS).unref();
  }

  /** Lets it close what it has open. */
  #end(pooled: PooledChild): void {
    this.#withdraw(pooled);
    pooled.child.send({ type: 'end' });
    const timer = setTimeout(() => pooled.child.kill(), END_GRACE_MS);
    void pooled.child.exited.then(() => clearTimeout(timer));
  }

  /** It gets no further run. */
  #withdraw(pooled: PooledChild): void {
    clearTimeout(pooled.idleTimer);
    for (const [key, idle] of this.#idle) {
      const others = idle.filter((one) => one !== pooled);
      if (others.length > 0) this.#idle.set(key, others);
      else this.#idle.delete(key);
    }
  }
}

function keyOf(isolation: Isolation, { maxTasksPerChild, maxMemoryMb }: ChildLimits): string {
  return `${isolation}/${maxTasksPerChild}/${maxMemoryMb}`;
}

function outcomeOf(end: ChildEnd, { task }: IsolatedAttempt): IsolatedOutcome {
  switch (end.type) {
    case 'result':
      return { kind: 'result', result: end.result };
    case 'recorded':
      return { kind: 'recorded', settled: end.settled, result: end.result, news: end.news };
    case 'fenced':
      throw new FencedError(task.id, task.attempt);
    case 'failed':
      throw new ReportedFailure(end.failure);
  }
}

function toMessage(reason: unknown): AbortMessage {
  const message = { code: codeOf(reason), message: messageOf(reason) };
  return reason instanceof SoftTimeLimitExceeded ? { ...message, softSeconds: reason.seconds } : message;
}
