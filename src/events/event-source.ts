import type { History } from '../core/event-history.ts';
import type { TaskEvent } from '../core/task-event.ts';
import { isTerminal } from '../core/task-state.ts';
import type { WorkflowEvent } from '../core/workflow-event.ts';
import type { Sql } from '../db/sql.ts';
import { readHistory, readSequences } from '../db/statements/read-history.ts';
import { readWorkflowHistory, readWorkflowSequences } from '../db/statements/read-workflow-history.ts';
import type { EventBus } from './event-bus.ts';

/** One kind of thing that has events, where these are heard live and where they are read. */
export interface EventSource<E> {
  /** Resolves with a function that ends the subscription, once Redis has acknowledged it. */
  subscribe(id: string, listener: (event: E) => void): Promise<() => void>;
  /** Calls back each time that messages may have been missed. Answers a function that ends it. */
  onResubscribed(callback: () => void): () => void;
  /** As {@link readHistory} does. */
  readHistory(id: string, after: number, limit: number): Promise<History<E> | null>;
  /** The newest sequence of each; those that are gone are left out. */
  readSequences(ids: readonly string[]): Promise<{ id: string; sequence: number }[]>;
  /** Whether an event is the last one, for now. */
  isEnd(event: E): boolean;
}

/** The events of tasks. */
export function taskSource(bus: EventBus, sql: Sql): EventSource<TaskEvent> {
  return {
    subscribe: (id, listener) => bus.subscribe(id, listener),
    onResubscribed: (callback) => bus.onResubscribed(callback),
    readHistory: (id, after, limit) => readHistory(sql, id, after, limit),
    readSequences: (ids) => readSequences(sql, ids),
    isEnd: ({ state }) => isTerminal(state),
  };
}

/** The events of workflows. */
export function workflowSource(bus: EventBus, sql: Sql): EventSource<WorkflowEvent> {
  return {
    subscribe: (id, listener) => bus.subscribeWorkflow(id, listener),
    onResubscribed: (callback) => bus.onResubscribed(callback),
    readHistory: (id, after, limit) => readWorkflowHistory(sql, id, after, limit),
    readSequences: (ids) => readWorkflowSequences(sql, ids),
    isEnd: ({ state }) => state !== 'RUNNING',
  };
}
