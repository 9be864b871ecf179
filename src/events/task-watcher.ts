import type { Logger } from 'pino';
import type { TaskEvent } from '../core/task-event.ts';
import { isPostgresUnavailable } from '../db/unavailable.ts';
import type { Sql } from '../db/sql.ts';
import { type History, readHistory, readSequences } from '../db/statements/read-history.ts';
import type { EventBus } from './event-bus.ts';
import { TaskSubscription } from './task-subscription.ts';

/** How often the sequences of all watched tasks are compared with what was delivered: makes up for any lost message. */
const REFRESH_INTERVAL_MS = 10_000;
const REFRESH_CHUNK = 1000;
const PAGE = 100;
/** How long a subscriber waits for Redis to acknowledge; after it, it reads from Postgres and is told later. */
const ATTACH_TIMEOUT_MS = 1000;
const POSTGRES_RETRY_MS = 500;

export interface TaskWatcherOptions {
  bus: EventBus;
  sql: Sql;
  logger: Logger;
}

/** Where a subscriber is in a task's history. */
export interface WatchPosition {
  /** The last sequence that the client has seen; without it the stream begins with a snapshot. */
  after?: number | undefined;
}

/** Follows tasks for all subscribers of a process. */
export class TaskWatcher {
  readonly #options: TaskWatcherOptions;
  readonly #subscriptions = new Set<TaskSubscription>();
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  constructor(options: TaskWatcherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.refresh(), REFRESH_INTERVAL_MS).unref();
    this.#stopListening = this.#options.bus.onResubscribed(() => void this.refresh());
  }

  /** Ends every stream. */
  stop(): void {
    clearInterval(this.#timer);
    this.#stopListening?.();
    for (const subscription of this.#subscriptions) subscription.close();
  }

  /**
   * The events of a task, live: first a snapshot or all after `position.after`, then what follows, without a hole or a
   * repeat; it ends after the terminal event. Null when there is no such task.
   *
   * Rejects when Postgres does not answer the first read; later it waits for Postgres.
   */
  async watch(taskId: string, { after }: WatchPosition = {}): Promise<AsyncGenerator<TaskEvent> | null> {
    const subscription = new TaskSubscription(taskId, after ?? 0);
    const detach = await this.#attach(subscription);
    try {
      const first = await readHistory(this.#options.sql, taskId, subscription.cursor, after === undefined ? 0 : PAGE);
      if (first) return endedFromOutside(this.#follow(subscription, first, after === undefined, detach), detach);
    } catch (error) {
      detach();
      throw error;
    }
    detach();
    return null;
  }

  /** Looks for events that the subscribers have not got, with one query for a thousand tasks. */
  async refresh(): Promise<void> {
    try {
      const watched = Map.groupBy(this.#subscriptions, ({ taskId }) => taskId);
      const ids = [...watched.keys()];
      for (let from = 0; from < ids.length; from += REFRESH_CHUNK) {
        for (const { taskId, sequence } of await readSequences(
          this.#options.sql,
          ids.slice(from, from + REFRESH_CHUNK),
        )) {
          for (const subscription of watched.get(taskId) ?? []) subscription.catchUpTo(sequence);
        }
      }
    } catch (error) {
      this.#options.logger.debug({ error }, 'watched tasks could not be compared with Postgres; trying again later');
    }
  }

  /** Listens to the live channel before anything is read, so that nothing falls in between. */
  async #attach(subscription: TaskSubscription): Promise<() => void> {
    this.#subscriptions.add(subscription);
    const attached = this.#options.bus.subscribe(subscription.taskId, (event) => subscription.push(event));
    attached.catch((error: Error) =>
      this.#options.logger.debug({ error: error.message }, 'a channel was not attached'),
    );
    const inTime = await Promise.race([
      attached.then(
        () => true,
        () => false,
      ),
      timeout(ATTACH_TIMEOUT_MS),
    ]);
    if (!inTime) attached.then(() => subscription.reread()).catch(() => undefined);
    return () => {
      if (!this.#subscriptions.delete(subscription)) return;
      subscription.close();
      attached.then((unsubscribe) => unsubscribe()).catch(() => undefined);
    };
  }

  async *#follow(
    subscription: TaskSubscription,
    first: History,
    withSnapshot: boolean,
    detach: () => void,
  ): AsyncGenerator<TaskEvent> {
    try {
      // A cursor beyond the end would wait for events that never come.
      subscription.advance(Math.min(subscription.cursor, first.snapshot.sequence), false);
      if (withSnapshot) yield* this.#openWithSnapshot(subscription, first);
      else yield* this.#deliver(subscription, first);
      while (!subscription.ended) {
        const live = await subscription.next();
        if (live === 'closed') return;
        if (live === 'reread') yield* this.#deliver(subscription, await this.#read(subscription));
        else yield live;
      }
    } finally {
      detach();
    }
  }

  /** The snapshot stands for all before it; of a task that has ended, its terminal event comes all the same. */
  async *#openWithSnapshot(subscription: TaskSubscription, { snapshot, terminal }: History): AsyncGenerator<TaskEvent> {
    subscription.advance(snapshot.sequence, terminal !== null);
    yield snapshot;
    if (terminal) yield terminal;
  }

  async *#deliver(subscription: TaskSubscription, history: History | null): AsyncGenerator<TaskEvent> {
    if (!history) return subscription.close();
    const { events, more, ended } = history;
    for (const [index, event] of events.entries()) {
      if (event.sequence <= subscription.cursor) continue;
      subscription.advance(event.sequence, ended && index === events.length - 1);
      yield event;
    }
    if (events.length === 0 && ended) subscription.advance(subscription.cursor, true);
    if (more) subscription.reread();
  }

  /** Reads on from the cursor; waits for Postgres as long as somebody listens. Null when the task is gone. */
  async #read(subscription: TaskSubscription): Promise<History | null> {
    for (;;) {
      try {
        return await readHistory(this.#options.sql, subscription.taskId, subscription.cursor, PAGE);
      } catch (error) {
        if (!isPostgresUnavailable(error)) throw error;
        if (subscription.closed) return null;
        await timeout(POSTGRES_RETRY_MS);
      }
    }
  }
}

/**
 * A generator that waits for an event does not hear `return()`: it must be woken. One that has not begun hears it and skips
 * its `finally`.
 */
function endedFromOutside(events: AsyncGenerator<TaskEvent>, detach: () => void): AsyncGenerator<TaskEvent> {
  const endNow = events.return.bind(events);
  const failNow = events.throw.bind(events);
  events.return = (value) => {
    detach();
    return endNow(value);
  };
  events.throw = (error) => {
    detach();
    return failNow(error);
  };
  return events;
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
