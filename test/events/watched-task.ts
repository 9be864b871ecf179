import { once } from 'node:events';
import { pino } from 'pino';
import type { TaskEvent } from '../../src/core/task-event.ts';
import type { Sql } from '../../src/db/sql.ts';
import { appendEvents } from '../../src/db/statements/append-events.ts';
import { EventBus } from '../../src/events/event-bus.ts';
import { taskSource } from '../../src/events/event-source.ts';
import { EventWatcher } from '../../src/events/event-watcher.ts';
import { openRedis } from '../../src/queue/redis.ts';
import type { Redis } from 'ioredis';
import { type Database, upTo } from '../db/database.ts';
import { test as base } from '../operations/service.ts';

/** A watcher over connections that the test may break, and tasks to watch. */
export interface Watching {
  watcher: EventWatcher<TaskEvent>;
  bus: EventBus;
  /** The connection that messages come by. */
  subscriber: Redis;
  database: Database;
  /** Another watcher on the same bus, which reads by way of `sql`. */
  watcherOver(sql: Sql): EventWatcher<TaskEvent>;
  /** A new task; what its `publish` has not told yet, a watcher must find out by itself. */
  task(): Promise<WatchedTask>;
  /** How many connections listen to the channel of a task. */
  listeners(taskId: string): Promise<number>;
}

/** A task whose life the test makes. */
export interface WatchedTask {
  id: string;
  start(): Promise<void>;
  /** Appends so many lines to its log. */
  log(lines: number): Promise<void>;
  end(state: 'SUCCESS' | 'FAILURE' | 'RETRY'): Promise<void>;
  /** Publishes its events from one sequence to another, both included; by default all. */
  publish(from?: number, to?: number): Promise<void>;
}

/** The tests' `test` with a watcher and tasks. */
export const test = base.extend('watching', async ({ service, world }, { onCleanup }): Promise<Watching> => {
  const logger = pino({ level: 'silent' });
  const publisher = openRedis(world.redisUrl, 'producer', logger);
  const subscriber = openRedis(world.redisUrl, 'consumer', logger);
  if (publisher.status !== 'ready') await once(publisher, 'ready');
  const bus = new EventBus({ publisher, subscriber, keyPrefix: world.prefix, logger });
  const { database } = service;
  const watcherOver = (sql: Sql) => new EventWatcher(taskSource(bus, sql), logger);
  const watcher = watcherOver(database.sql);
  watcher.start();
  onCleanup(() => {
    watcher.stop();
    publisher.disconnect();
    subscriber.disconnect();
  });
  return {
    watcher,
    bus,
    subscriber,
    database,
    watcherOver,
    task: async () => watchedTask((await database.enqueue()).id, database, bus),
    async listeners(taskId) {
      const [, count] = await service.redis.pubsub('NUMSUB', `${world.prefix}:task:${taskId}`);
      return Number(count);
    },
  };
});

function watchedTask(id: string, database: Database, bus: EventBus): WatchedTask {
  let attempt = 0;
  return {
    id,
    async start() {
      ({ attempt } = await database.start(id));
    },
    async log(lines) {
      const at = new Date().toISOString();
      const line = { taskId: id, attempt, type: 'LOG', progress: null, at } as const;
      await appendEvents(
        database.sql,
        upTo(lines).map((number) => ({ ...line, message: `line ${number}` })),
      );
    },
    async end(state) {
      await database.settle({ taskId: id, attempt, state });
    },
    async publish(from = 1, to = Number.POSITIVE_INFINITY) {
      const events = await database.history(id);
      bus.publish(events.filter(({ sequence }) => sequence >= from && sequence <= to));
    },
  };
}

/** The next events of a stream, as `sequence type`. */
export async function take(events: AsyncIterator<TaskEvent>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done) return [...taken, 'end'];
    taken.push(`${value.sequence} ${value.type}`);
  }
  return taken;
}

/** What is left of a stream that ends. */
export async function takeAll(events: AsyncIterator<TaskEvent>): Promise<string[]> {
  return take(events, Number.POSITIVE_INFINITY);
}
