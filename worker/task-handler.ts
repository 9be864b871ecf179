import type { Payload, PayloadInput, Result, TaskContract, TaskKind } from '../src/core/define-task.ts';
import type { EntityManager, Orm } from '../src/db/orm.ts';
import type { FileStore } from '../src/files/file-store.ts';
import type { EnqueueOptions } from '../src/operations/enqueue-task.ts';
import type { CatalogByName } from '../src/tasks/catalog.ts';
import type { Mailer } from './mailer.ts';
import type { TaskLogger } from './task-logger.ts';
import type { StepFunction } from './task-steps.ts';

/** What handlers may use of the outside. It lives as long as the worker. */
export interface HandlerResources {
  files: FileStore;
  /** Where attempts have their temporary files. */
  tempDir: string;
  /** For reading outside the unit of work; fork its `em`. */
  orm: Orm;
  mailer: Mailer;
  gateways: Gateways;
}

/** The services outside Taskwire that are called over HTTP. */
export interface Gateways {
  /** Undefined when there is none: what needs it fails for good with GATEWAY_NOT_CONFIGURED. */
  paymentUrl: string | undefined;
  /** As above. */
  exchangeRatesUrl: string | undefined;
  /** How long an answer may take, in milliseconds. */
  timeoutMs: number;
}

/** What a handler gets besides its payload; it belongs to one attempt. */
export interface TaskContext {
  taskId: string;
  /** 1 for the first. */
  attempt: number;
  /** Fires when the attempt is to end: its reason says why. A handler that goes on loses its result. */
  signal: AbortSignal;
  /** Its lines carry the task's id, name and attempt; from level info up they are events of the task too. */
  logger: TaskLogger;
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
  /**
   * Does a piece of the task once: when an earlier attempt has done it, answers the value that it returned, as JSON. With a
   * parameter, `run` gets an EntityManager in a transaction which also writes down that the step is done; it must be
   * committed apart from the em of a database task. Keys have 1 to 200 characters and are the task's own.
   */
  step: <T>(key: string, run: StepFunction<T>) => Promise<T>;
  /** Has a function called when the attempt ends, however it ends, unless its child is killed; the newest first. */
  cleanup: (run: () => unknown) => void;
  /** The path of a new temporary file, removed when the attempt ends, also when its child is killed. */
  tempFile: (name?: string) => Promise<string>;
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
