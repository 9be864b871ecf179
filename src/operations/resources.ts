import type { Logger } from 'pino';
import type { TaskEvent } from '../core/task-event.ts';
import type { WorkflowEvent } from '../core/workflow-event.ts';
import type { Orm } from '../db/orm.ts';
import type { SqlPool } from '../db/sql.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { EventWatcher } from '../events/event-watcher.ts';
import type { FileStore } from '../files/file-store.ts';
import type { Dispatcher } from '../queue/dispatcher.ts';
import type { ScheduleTimers } from '../queue/schedule-timers.ts';
import type { TaskQueues } from '../queue/task-queues.ts';
import type { TaskCatalog } from '../tasks/catalog.ts';
import type { WorkflowCatalog } from '../tasks/workflow-catalog.ts';
import type { DownloadLinks } from './download-links.ts';
import type { Inserts } from './open-inserts.ts';

/** What enqueueing needs: the API and every worker have it. */
export interface EnqueueResources {
  catalog: TaskCatalog;
  inserts: Inserts;
  sql: SqlPool;
  dispatcher: Pick<Dispatcher, 'dispatch' | 'noteUncommitted'>;
}

/** What the operations of the API need. */
export interface ServiceResources extends EnqueueResources {
  dispatcher: Dispatcher;
  orm: Orm;
  queues: TaskQueues;
  workflows: WorkflowCatalog;
  timers: ScheduleTimers;
  bus: EventBus;
  watcher: EventWatcher<TaskEvent>;
  workflowWatcher: EventWatcher<WorkflowEvent>;
  files: FileStore;
  links: DownloadLinks;
  /** In bytes. */
  maxUploadBytes: number;
  logger: Logger;
}
