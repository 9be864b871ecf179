import type { Payload, PayloadInput, Result, TaskContract, TaskKind } from '../src/core/define-task.ts';
import type { EntityManager, Orm } from '../src/db/orm.ts';
import type { FileStore } from '../src/files/file-store.ts';
import type { Logger } from '../src/logger.ts';
import type { EnqueueOptions } from '../src/operations/enqueue-task.ts';
import type { CatalogByName } from '../src/tasks/catalog.ts';
import type { Mailer } from './mailer.ts';

/** What handlers may use of the outside. It lives as long as the worker. */
export interface HandlerResources {
  files: FileStore;
  /** For reading outside the unit of work; fork its `em`. */
  orm: Orm;
  mailer: Mailer;
}

/** What a handler gets besides its payload; it belongs to one attempt. */
export interface TaskContext {
  taskId: string;
  /** 1 for the first. */
  attempt: number;
  /** Fires when the attempt is to end: its reason says why. A handler that goes on loses its result. */
  signal: AbortSignal;
  /** Its lines carry the task's id, name and attempt. */
  logger: Logger;
  /**
   * Reports how far the task is, in its own unit. Cheap: the newest report wins, a few a second are written, and the last
   * one always is.
   */
  progress: (current: number, total?: number, message?: string) => void;
  /**
   * Enqueues another task, in a database task within the same unit of work: it exists when this one has succeeded.
   * Rejects with a `UserInputError` when the payload or the options are wrong.
   */
  enqueue: <C extends TaskContract>(
    contract: C,
    payload: PayloadInput<C>,
    options?: EnqueueOptions,
  ) => Promise<{ id: string; duplicate: boolean }>;
  resources: HandlerResources;
}

/**
 * The code of a task. It runs at least once for every task, so what it does outside our database must bear a repetition.
 *
 * To return is to succeed; to throw lets the retry policy decide, except `FailPermanently` and `RetryIn`, which say what
 * they want. What a database task writes through `em` is committed together with its result.
 */
export type TaskHandler<C extends TaskContract> = HandlerOf<C['kind'], C>;

type HandlerOf<Kind extends TaskKind, C extends TaskContract> = Kind extends 'database'
  ? (em: EntityManager, payload: Payload<C>, context: TaskContext) => Promise<Result<C>>
  : (payload: Payload<C>, context: TaskContext) => Promise<Result<C>>;

/** One handler for each contract of the catalogue. */
export type HandlerRegistry = { readonly [Name in keyof CatalogByName]: TaskHandler<CatalogByName[Name]> };
