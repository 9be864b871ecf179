import { once } from 'node:events';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { expect } from 'vitest';
import type { EntityManager } from '../../src/db/orm.ts';
import { enqueueTask } from '../../src/operations/enqueue-task.ts';
import { getTask } from '../../src/operations/get-task.ts';
import { Reconciler } from '../../worker/maintenance/reconciler.ts';
import type { Service } from '../../src/service.ts';
import { openTestService } from '../support/core-service.ts';
import { startScript } from '../support/script-process.ts';
import { test as base, type World } from '../support/world.ts';

const test = base.extend('service', async ({ world }, { onCleanup }) => {
  const service = await openTestService(world);
  const redis = new Redis(world.redisUrl);
  if (redis.status !== 'ready') await once(redis, 'ready');
  onCleanup(async () => {
    redis.disconnect();
    await service.close();
  });
  return { ...service, redis };
});

const NOOP = { name: 'noop', payload: {} };

test('a rolled-back transaction leaves no task and no job', async ({ service, world }) => {
  let id = '';

  const failing = service.resources.orm.em.fork().transactional(async (em) => {
    ({ id } = await enqueueTask(service.resources, { ...NOOP, em }));
    throw new Error('changed my mind');
  });

  await expect(failing).rejects.toThrow('changed my mind');
  const later = await enqueueTask(service.resources, NOOP);
  await service.resources.dispatcher.idle();
  expect(await getTask(service.resources, id)).toBeNull();
  expect(await jobsOf(service, world)).toEqual([later.id]);
});

test('a committed transaction leaves the task, and its job only after the commit', async ({ service, world }) => {
  const { id } = await service.resources.orm.em.fork().transactional(async (em) => {
    const enqueued = await enqueueTask(service.resources, { ...NOOP, em });
    await service.resources.dispatcher.dispatchCommitted(); // as another transaction's commit would
    await service.resources.dispatcher.idle();
    expect(await jobsOf(service, world)).toEqual([]);
    expect(await getTask(service.resources, enqueued.id)).toBeNull();
    return enqueued;
  });
  await service.resources.dispatcher.dispatchCommitted();
  await service.resources.dispatcher.idle();

  expect(await getTask(service.resources, id)).toMatchObject({ id, state: 'PENDING' });
  expect(await jobsOf(service, world)).toEqual([id]);
});

test('a savepoint that is rolled back takes only its own task with it', async ({ service, world }) => {
  const { resources } = service;
  const enqueueIn = async (em: EntityManager) => (await enqueueTask(resources, { ...NOOP, em })).id;

  const kept = await resources.orm.em.fork().transactional(async (outer) => {
    const id = await enqueueIn(outer);
    await outer
      .transactional(async (inner) => {
        await enqueueIn(inner);
        throw new Error('only the inner one');
      })
      .catch(() => undefined);
    return id;
  });
  await resources.dispatcher.dispatchCommitted();
  await resources.dispatcher.idle();

  expect(await jobsOf(service, world)).toEqual([kept]);
});

test('a process killed between the commit and the dispatch loses nothing', async ({ service, world }) => {
  await using script = startScript(`
    import { configOf, openTestService } from '${import.meta.resolve('../support/core-service.ts')}';
    import { enqueueTask } from '${import.meta.resolve('../../src/operations/enqueue-task.ts')}';
    const { resources } = await openTestService(${JSON.stringify(world)});
    // What comes after the commit is cut off here.
    resources.dispatcher.dispatch = () => process.stdout.write('committed\\n', () => process.kill(process.pid, 'SIGKILL'));
    await enqueueTask(resources, { name: 'noop', payload: {} });
    await new Promise(() => undefined);
  `);
  expect(await script.firstLine).toBe('committed');
  await script.kill();
  const before = await jobsOf(service, world);

  await openReconciler(service, world).runOnce();

  const [task] = await service.resources.sql.query<{ id: string }>({ text: 'select id from task' }, []);
  expect(before).toEqual([]);
  expect(await jobsOf(service, world)).toEqual([task?.id]);
});

test('a transaction that commits long after newer ones is found by the reconciler', async ({ service, world }) => {
  const { resources } = service;
  const reconciler = openReconciler(service, world);
  const late = resources.orm.em.fork();
  await late.begin();
  const { id } = await enqueueTask(resources, { ...NOOP, em: late });
  const newer = await enqueueTask(resources, NOOP);
  await resources.dispatcher.idle();
  await reconciler.runOnce();

  // A commit that nobody in this process hears of, as that of another process.
  await late.execute('commit');
  await pass(reconciler, service, world);

  expect((await jobsOf(service, world)).toSorted()).toEqual([id, newer.id].toSorted());
  await late.rollback();
});

test('after FLUSHALL every open task is dispatched again, and then nothing is left to look at', async ({
  service,
  world,
}) => {
  const ids = await Promise.all(Array.from({ length: 1200 }, () => enqueueTask(service.resources, NOOP)));
  await service.resources.dispatcher.idle();
  const reconciler = openReconciler(service, world);
  await pass(reconciler, service, world);
  for (const key of await service.redis.keys(`${world.prefix}:*`)) await service.redis.unlink(key);

  await untilSettled(service);
  await pass(reconciler, service, world);
  const looked = await rowsLookedAt(service, () => pass(reconciler, service, world));

  expect((await jobsOf(service, world)).length).toBe(ids.length);
  expect(looked).toBe(0);
});

function openReconciler({ resources, redis }: Service & { redis: Redis }, { prefix }: World): Reconciler {
  const { queues, sql } = resources;
  const logger = pino({ level: 'silent' });
  return new Reconciler({ redis, queues, sql, keyPrefix: prefix, intervalMs: 1, logger });
}

/** A pass that is not kept back because another one has just been made. */
async function pass(reconciler: Reconciler, { redis }: { redis: Redis }, { prefix }: World): Promise<void> {
  await redis.del(`${prefix}:reconciler-lease`);
  await reconciler.runOnce();
}

/**
 * Waits for the transactions that were open when the tasks were enqueued: those of other tests on the same server count too,
 * as Postgres looks at all of its databases to know what is settled.
 */
async function untilSettled({ resources: { sql } }: Service): Promise<void> {
  const text = 'select pg_snapshot_xmin(pg_current_snapshot()) > max(xid) as settled from open_task';
  await expect.poll(() => sql.query({ text }, []), { timeout: 50_000 }).toEqual([{ settled: true }]);
}

/** How many open tasks were read meanwhile. */
async function rowsLookedAt({ resources }: Service, run: () => Promise<void>): Promise<number> {
  const { queues } = resources;
  const addMissing = queues.addMissing.bind(queues);
  let rows = 0;
  queues.addMissing = (tasks) => {
    rows += tasks.length;
    return addMissing(tasks);
  };
  await run();
  return rows;
}

/** The ids of the jobs in BullMQ. */
async function jobsOf({ redis }: { redis: Redis }, { prefix }: World): Promise<string[]> {
  const keys = await redis.keys(`${prefix}:diagnostics:????????-*`);
  return keys.map((key) => key.split(':').at(-1) ?? '');
}
