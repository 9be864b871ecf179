import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { ServiceConfig } from '../../src/config.ts';
import { FencedError, SoftTimeLimitExceeded, TaskCancelled, TaskwireError } from '../../src/core/errors.ts';
import { toFailure } from '../../src/core/failure.ts';
import { closeOrm, type EntityManager, openOrm, type Orm } from '../../src/db/orm.ts';
import { poolSql } from '../../src/db/sql.ts';
import { openFileStore } from '../../src/files/drive-file-store.ts';
import type { Logger } from '../../src/logger.ts';
import { enqueueTask } from '../../src/operations/enqueue-task.ts';
import { openInserts } from '../../src/operations/open-inserts.ts';
import type { EnqueueResources } from '../../src/operations/resources.ts';
import { openCatalog } from '../../src/tasks/catalog.ts';
import { AttemptCleanup, removeFolder } from '../attempt-cleanup.ts';
import { handlers } from '../handlers/registry.ts';
import { openHandlerResources } from '../open-handler-resources.ts';
import { type HandlerRun, runHandler, unwrapThrown } from '../run-handler.ts';
import { openTaskContext } from '../task-context.ts';
import type { HandlerResources } from '../task-handler.ts';
import { runUnitOfWork } from '../unit-of-work.ts';
import { type AbortMessage, type ChildEnd, type ChildRun, type FromChild, MEBIBYTE, type ToChild } from './messages.ts';

/** A handler, its unit of work and its steps need at most so many connections at once. */
const POOL_SIZE = 3;

/** What a child has open, and the attempt that it runs. */
export class ChildSession {
  readonly #orm: Orm;
  readonly #enqueue: EnqueueResources;
  readonly #resources: HandlerResources;
  readonly #logger: Logger;
  readonly #send: (message: FromChild) => void;
  #controller = new AbortController();
  #flushed: (() => void)[] = [];

  private constructor(orm: Orm, config: ServiceConfig, logger: Logger, send: (message: FromChild) => void) {
    const sql = poolSql(orm);
    this.#orm = orm;
    this.#logger = logger;
    this.#send = send;
    this.#resources = openHandlerResources(config, {
      orm,
      files: openFileStore({ location: join(config.dataDir, 'files') }),
    });
    this.#enqueue = {
      catalog: openCatalog(config),
      sql,
      inserts: openInserts(sql),
      dispatcher: {
        dispatch: (tasks) => send({ type: 'dispatch', tasks: [...tasks] }),
        noteUncommitted: (ids) => send({ type: 'uncommitted', ids: [...ids] }),
      },
    };
  }

  /** The child's sessions in Postgres have the name of its worker's: they end when that is lost. */
  static async open(
    config: ServiceConfig,
    logger: Logger,
    send: (message: FromChild) => void,
    applicationName: string,
  ): Promise<ChildSession> {
    const { databaseUrl } = config;
    const orm = await openOrm({ databaseUrl, applicationName, poolSize: POOL_SIZE, logger });
    return new ChildSession(orm, config, logger, send);
  }

  receive(message: Exclude<ToChild, { type: 'end' }>): void {
    switch (message.type) {
      case 'run':
        return void this.#run(message.run).then((end) => this.#send(end));
      case 'abort':
        return this.#controller.abort(toReason(message.reason));
      case 'flushed':
        for (const resolve of this.#flushed.splice(0)) resolve();
    }
  }

  async close(): Promise<void> {
    await this.#resources.mailer.close();
    await closeOrm(this.#orm);
  }

  /** Never rejects. */
  async #run(run: ChildRun): Promise<ChildEnd> {
    this.#controller = new AbortController();
    try {
      const end = await this.#perform(run);
      return { ...end, memoryMb: memoryMb() };
    } catch (thrown) {
      if (thrown instanceof FencedError) return { type: 'fenced', memoryMb: memoryMb() };
      return { type: 'failed', failure: toFailure(unwrapThrown(thrown)), memoryMb: memoryMb() };
    } finally {
      await removeFolder(run.folder);
    }
  }

  async #perform(run: ChildRun) {
    const handlerRun = this.#handlerRun(run);
    if (handlerRun.contract.kind === 'plain') {
      return { type: 'result', result: await runHandler(handlers, handlerRun) } as const;
    }
    const { signal } = this.#controller;
    const recorded = await runUnitOfWork(
      { stopping: signal, logger: this.#logger },
      {
        orm: this.#orm,
        catalog: this.#enqueue.catalog,
        task: { id: run.taskId, attempt: run.attempt, workflowId: run.workflowId },
        run: async (em) => {
          const result = await runHandler(handlers, handlerRun, em);
          if (!(signal.reason instanceof SoftTimeLimitExceeded)) signal.throwIfAborted();
          return result;
        },
        flushEvents: () => this.#flush(),
      },
    );
    return { type: 'recorded', ...recorded } as const;
  }

  #handlerRun({ taskId, attempt, name, input, folder }: ChildRun): HandlerRun {
    const contract = this.#enqueue.catalog.find(name);
    if (!contract) throw new Error(`expected a contract for the task ${name}, got none`);
    const logger = this.#logger.child({ task: name, taskId, attempt });
    const cleanup = new AttemptCleanup(folder, logger);
    const contextFor = (em: EntityManager | undefined) =>
      openTaskContext({
        taskId,
        attempt,
        signal: this.#controller.signal,
        logger,
        recordLine: (line) => this.#send({ type: 'line', line }),
        report: (report) => this.#send({ type: 'progress', report }),
        enqueue: (enqueued) => enqueueTask(this.#enqueue, { ...enqueued, em }),
        cleanup,
        resources: this.#resources,
      });
    return { contract, input, contextFor, cleanup };
  }

  /** Waits until the worker has written what was reported. */
  #flush(): Promise<void> {
    return new Promise((resolve) => {
      this.#flushed.push(resolve);
      this.#send({ type: 'flush' });
    });
  }
}

/** Of a process all that it has, of a thread its heap: the rest is its worker's. */
function memoryMb(): number {
  const { rss, heapUsed } = process.memoryUsage();
  return (threadId === 0 ? rss : heapUsed) / MEBIBYTE;
}

function toReason({ code, message, softSeconds }: AbortMessage): Error {
  if (softSeconds !== undefined) return new SoftTimeLimitExceeded(softSeconds);
  return code === 'CANCELLED' ? new TaskCancelled(message) : new TaskwireError(code, message);
}
