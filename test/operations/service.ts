import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Job, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { TaskEvent } from '../../src/core/task-event.ts';
import { enqueueTask } from '../../src/operations/enqueue-task.ts';
import type { ServiceResources } from '../../src/operations/resources.ts';
import { type Database, openDatabase } from '../db/database.ts';
import { openTestService } from '../support/core-service.ts';
import { test as base, type World } from '../support/world.ts';

/** The queue of the tasks that the tests enqueue. */
export const QUEUE = 'diagnostics';

/** The resources of an API, and what a test needs to look at what they did. */
export interface TestService {
  resources: ServiceResources;
  database: Database;
  /** A connection of the test's own. */
  redis: Redis;
  prefix: string;
  /** Enqueues a `noop` and waits until it is in BullMQ; answers its id. */
  enqueue(): Promise<string>;
  /** The jobs that wait in a queue, also those for later, by id. */
  jobs(queue?: string): Promise<Job[]>;
  jobIds(queue?: string): Promise<string[]>;
  /** Everything that is published about a task from now on. */
  listen(taskId: string): Promise<TaskEvent[]>;
}

/** The tests' `test` with a service of the test's own. */
export const test = base.extend('service', async ({ world }, { onCleanup }): Promise<TestService> => {
  await using opening = new AsyncDisposableStack();
  const service = await openTestService(world);
  opening.defer(() => service.close());
  const redis = opening.adopt(new Redis(world.redisUrl), (connection) => connection.disconnect());
  const queues = opening.adopt(new Map<string, Queue>(), closeAll);
  while (!service.resources.queues.available) await nextTurn();
  const opened = opening.move();
  onCleanup(() => opened.disposeAsync());
  return withLooks(service.resources, redis, queues, world);
});

async function closeAll(queues: ReadonlyMap<string, Queue>): Promise<void> {
  await Promise.all([...queues.values()].map((queue) => queue.close()));
}

function withLooks(
  resources: ServiceResources,
  redis: Redis,
  queues: Map<string, Queue>,
  { prefix }: World,
): TestService {
  const jobs = async (name = QUEUE) => {
    await resources.dispatcher.idle();
    const queue = queues.get(name) ?? new Queue(name, { connection: redis, prefix });
    queues.set(name, queue);
    const found = await queue.getJobs(['waiting', 'prioritized', 'delayed', 'active']);
    return found.toSorted((a, b) => ((a.id ?? '') < (b.id ?? '') ? -1 : 1));
  };
  return {
    resources,
    database: openDatabase(resources.orm),
    redis,
    prefix,
    jobs,
    jobIds: async (queue) => (await jobs(queue)).map(({ id }) => id ?? ''),
    async enqueue() {
      const { id } = await enqueueTask(resources, { name: 'noop', payload: {} });
      await resources.dispatcher.idle();
      return id;
    },
    async listen(taskId) {
      const events: TaskEvent[] = [];
      await resources.bus.subscribe(taskId, (event) => events.push(event));
      return events;
    },
  };
}
