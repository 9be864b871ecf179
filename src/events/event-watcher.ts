import type { Logger } from 'pino';
import type { History } from '../core/event-history.ts';
import { isPostgresUnavailable } from '../db/unavailable.ts';
import type { EventSource } from './event-source.ts';
import { EventSubscription } from './event-subscription.ts';

/** How often the sequences of all that is watched are compared with what was delivered: makes up for any lost message. */
const REFRESH_INTERVAL_MS = 10_000;
const REFRESH_CHUNK = 1000;
const PAGE = 100;
/** How long a subscriber waits for Redis to acknowledge; after it, it reads from Postgres and is told later. */
const ATTACH_TIMEOUT_MS = 1000;
const POSTGRES_RETRY_MS = 500;

/** Where a subscriber is in a history. */
export interface WatchPosition {
  /** The last sequence that the client has seen; without it the stream begins with a snapshot. */
  after?: number | undefined;
}

/** Follows what has events, all tasks or all workflows, for all subscribers of a process. */
export class EventWatcher<E extends { sequence: number }> {
  readonly #source: EventSource<E>;
  readonly #logger: Logger;
  readonly #subscriptions = new Set<EventSubscription<E>>();
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  constructor(source: EventSource<E>, logger: Logger) {
    this.#source = source;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = setInterval(() => void this.refresh(), REFRESH_INTERVAL_MS).unref();
    this.#stopListening = this.#source.onResubscribed(() => void this.refresh());
  }

  /** Ends every stream. */
  stop(): void {
    clearInterval(this.#timer);
    this.#stopListening?.();
    for (const subscription of this.#subscriptions) subscription.close();
  }

  /**
   * The events of a task or a workflow, live: first a snapshot or all after `position.after`, then what follows, without a
   * hole or a repeat; it ends after the terminal event. Null when there is no such id.
   *
   * Rejects when Postgres does not answer the first read; later it waits for Postgres.
   */
  async watch(id: string, { after }: WatchPosition = {}): Promise<AsyncGenerator<E> | null> {
    const subscription = new EventSubscription<E>(id, after ?? 0, (event) => this.#source.isEnd(event));
    const detach = await this.#attach(subscription);
    try {
      const first = await this.#source.readHistory(id, subscription.cursor, after === undefined ? 0 : PAGE);
      if (first) return endedFromOutside(this.#follow(subscription, first, after === undefined, detach), detach);
    } catch (error) {
      detach();
      throw error;
    }
    detach();
    return null;
  }

  /** Looks for events that the subscribers have not got, with one query for a thousand ids. */
  async refresh(): Promise<void> {
    try {
      const watched = Map.groupBy(this.#subscriptions, ({ id }) => id);
      const ids = [...watched.keys()];
      for (let from = 0; from < ids.length; from += REFRESH_CHUNK) {
        for (const { id, sequence } of await this.#source.readSequences(ids.slice(from, from + REFRESH_CHUNK))) {
          for (const subscription of watched.get(id) ?? []) subscription.catchUpTo(sequence);
        }
      }
    } catch (error) {
      this.#logger.debug({ error }, 'what is watched could not be compared with Postgres; trying again later');
    }
  }

  /** Listens to the live channel before anything is read, so that nothing falls in between. */
  async #attach(subscription: EventSubscription<E>): Promise<() => void> {
    this.#subscriptions.add(subscription);
    const attached = this.#source.subscribe(subscription.id, (event) => subscription.push(event));
    attached.catch((error: Error) => this.#logger.debug({ error: error.message }, 'a channel was not attached'));
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
    subscription: EventSubscription<E>,
    first: History<E>,
    withSnapshot: boolean,
    detach: () => void,
  ): AsyncGenerator<E> {
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

  /** The snapshot stands for all before it; of what has ended, the terminal event comes all the same. */
  async *#openWithSnapshot(subscription: EventSubscription<E>, { snapshot, terminal }: History<E>): AsyncGenerator<E> {
    subscription.advance(snapshot.sequence, terminal !== null);
    yield snapshot;
    if (terminal) yield terminal;
  }

  async *#deliver(subscription: EventSubscription<E>, history: History<E> | null): AsyncGenerator<E> {
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

  /** Reads on from the cursor; waits for Postgres as long as somebody listens. Null when it is gone. */
  async #read(subscription: EventSubscription<E>): Promise<History<E> | null> {
    for (;;) {
      try {
        return await this.#source.readHistory(subscription.id, subscription.cursor, PAGE);
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
function endedFromOutside<E>(events: AsyncGenerator<E>, detach: () => void): AsyncGenerator<E> {
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
