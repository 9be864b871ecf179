import type { Redis } from 'ioredis';
import type { Batcher } from '../src/core/batcher.ts';
import type { TaskEvent } from '../src/core/task-event.ts';
import type { Orm } from '../src/db/orm.ts';
import type { NewEvent } from '../src/db/statements/append-events.ts';
import type { ClaimedTask } from '../src/db/statements/claim-tasks.ts';
import type { SettledTask, Settlement } from '../src/db/statements/settle-attempts.ts';
import type { EventBus } from '../src/events/event-bus.ts';
import type { Logger } from '../src/logger.ts';
import type { Dispatcher } from '../src/queue/dispatcher.ts';
import type { EnqueueResources } from '../src/operations/resources.ts';
import type { TaskQueues } from '../src/queue/task-queues.ts';
import type { ChildPools } from './isolation/child-pools.ts';
import type { RunningAttempts } from './running-attempts.ts';
import type { StepStarts } from './step-starts.ts';
import type { HandlerRegistry, HandlerResources } from './task-handler.ts';
import type { WorkflowProgress } from './workflow-progress.ts';

/** What running a task needs. Claims, settlements and events of concurrent tasks are written together. */
export interface WorkerResources extends EnqueueResources {
  /** Of this process; a new one each time that it starts. */
  workerId: string;
  orm: Orm;
  dispatcher: Dispatcher;
  queues: TaskQueues;
  bus: EventBus;
  /** Null when the task can't be claimed now. */
  claims: Batcher<string, ClaimedTask | null>;
  /** Null when the attempt is not the task's current one any more. */
  settlements: Batcher<Settlement, SettledTask | null>;
  /** As above, for tasks that are steps of workflows, which go on with it. */
  stepSettlements: Batcher<Settlement, SettledTask | null>;
  /** Null as above. */
  events: Batcher<NewEvent, TaskEvent | null>;
  /** Says that steps of workflows are RUNNING. */
  stepStarts: StepStarts;
  /** Tells of the progress of workflows. */
  workflowProgress: WorkflowProgress;
  running: RunningAttempts;
  /** Runs what must not run in this process. */
  children: ChildPools;
  /** Of the attempts' temporary files. */
  tempDir: string;
  handlers: HandlerRegistry;
  handlerResources: HandlerResources;
  /** A worker that was silent for so long is lost, in milliseconds. */
  lostAfterMs: number;
  /** Whether this worker has itself been heard of long enough to call another one lost. */
  mayJudge(): boolean;
  /** Aborted when the worker's time is over: waiting for Postgres ends then. */
  stopping: AbortSignal;
  /** 0 ≤ random < 1. */
  random(): number;
  newId(): string;
  /** In the role of a producer. */
  redis: Redis;
  keyPrefix: string;
  logger: Logger;
}
