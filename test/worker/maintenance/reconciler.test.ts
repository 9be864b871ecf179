import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { describe, expect } from 'vitest';
import { poolSql, type Sql, transactionSql } from '../../../src/db/sql.ts';
import { reopenTasks, revokeWaiting } from '../../../src/db/statements/end-task.ts';
import { insertTasks } from '../../../src/db/statements/insert-tasks.ts';
import { closeOrm, openOrm } from '../../../src/db/orm.ts';
import { openRedis } from '../../../src/queue/redis.ts';
import { TaskQueues, taskIdOf } from '../../../src/queue/task-queues.ts';
import { Reconciler } from '../../../worker/maintenance/reconciler.ts';
import { newTask, upTo } from '../../db/database.ts';
import { test as base, type TestService } from '../../operations/service.ts';

const silent = pino({ level: 'silent' });

interface Reconciling {
  /** One pass, whoever has made the last one. */
  pass(): Promise<void>;
  /** How many open tasks the last pass has looked at. */
  looked(): number;
  /** Called before each statement of a pass. */
  onStatement: ((text: string) => unknown) | undefined;
  reconciler: Reconciler;
  /** Empties Redis of all that is the test's own, as FLUSHALL does. */
  flush(): Promise<void>;
  leaseKey: string;
  markKey: string;
}

const test = base.extend('reconciling', ({ service }): Reconciling => openReconciling(service));

function openReconciling({ resources, redis, prefix, database }: TestService): Reconciling {
  let looked = 0;
  const [leaseKey, markKey] = [`${prefix}:reconciler-lease`, `${prefix}:reconciler`];
  const sql: Sql = {
    async query<Row extends object>(statement: { text: string }, values: readonly unknown[]) {
      await reconciling.onStatement?.(statement.text);
      const rows = await database.sql.query<Row>(statement, values);
      if (statement.text.includes('from open_task')) looked += rows.length;
      return rows;
    },
  };
  const { queues } = resources;
  const reconciler = new Reconciler({ redis, queues, sql, keyPrefix: prefix, intervalMs: 1000, logger: silent });
  const reconciling: Reconciling = {
    reconciler,
    leaseKey,
    markKey,
    onStatement: undefined,
    looked: () => looked,
    async pass() {
      looked = 0;
      await redis.del(leaseKey);
      await reconciler.runOnce();
    },
    flush: () => flush(redis, prefix),
  };
  return reconciling;
}

async function flush(redis: Redis, prefix: string): Promise<void> {
  const keys = await redis.keys(`${prefix}:*`);
  if (keys.length > 0) await redis.unlink(keys);
}

/** The tasks that have a job. */
async function dispatched(service: TestService): Promise<string[]> {
  return (await service.jobIds()).map(taskIdOf).toSorted();
}

/** Stores tasks that nobody dispatches, as a process does that is killed after its commit. */
async function storeUndispatched({ database }: TestService, count: number): Promise<string[]> {
  const tasks = upTo(count).map(() => newTask());
  await insertTasks(database.sql, tasks);
  return tasks.map(({ id }) => id);
}

/**
 * Passes until one looks at nothing. The transactions of other tests on the same server keep the mark back as long as they
 * are open: to know what is settled, Postgres looks at all of its databases.
 */
async function untilNothingIsLookedAt({ pass, looked }: Reconciling): Promise<void> {
  await expect.poll(() => pass().then(looked), { timeout: 20_000 }).toBe(0);
}

describe('a pass', () => {
  test('dispatches what has no job, and only that', async ({ service, reconciling }) => {
    const alive = await service.enqueue();
    const lost = await storeUndispatched(service, 3);

    await reconciling.pass();

    expect(await dispatched(service)).toEqual([alive, ...lost].toSorted());
  });

  test('after another looks at nothing, however much waits', async ({ service, reconciling }) => {
    await storeUndispatched(service, 1200);

    await reconciling.pass();
    const first = reconciling.looked();
    await untilNothingIsLookedAt(reconciling);
    const [added] = await storeUndispatched(service, 1);
    await reconciling.pass();
    const third = reconciling.looked();

    expect([first, third]).toEqual([1200, 1]);
    expect(await dispatched(service)).toHaveLength(1201);
    expect(await dispatched(service)).toContain(added);
  });

  test('leaves alone what has ended', async ({ service, reconciling }) => {
    const [id = ''] = await storeUndispatched(service, 1);
    await revokeWaiting(service.database.sql, [id], null);

    await reconciling.pass();

    expect(await dispatched(service)).toEqual([]);
  });

  test('finds a task that is run again', async ({ service, reconciling }) => {
    const [id = ''] = await storeUndispatched(service, 1);
    await revokeWaiting(service.database.sql, [id], null);
    await reconciling.pass();

    await reopenTasks(service.database.sql, [{ id }]);
    await reconciling.pass();

    expect(await dispatched(service)).toEqual([id]);
  });

  test('gives each task its priority, and a task for later its delay', async ({ service, reconciling }) => {
    const soon = newTask({ priority: 0 });
    const later = newTask({ priority: 9, runAt: new Date(Date.now() + 60_000) });
    await insertTasks(service.database.sql, [soon, later]);

    await reconciling.pass();

    const jobs = await service.jobs();
    expect(jobs).toMatchObject([
      { id: soon.id, priority: 0, delay: 0 },
      { id: later.id, priority: 9 },
    ]);
    expect(jobs[1]?.delay).toBeGreaterThan(50_000);
    expect(jobs[1]?.delay).toBeLessThanOrEqual(60_000);
  });

  test('without Redis does not ask Postgres', async ({ service, reconciling }) => {
    const redis = openRedis('redis://127.0.0.1:1', 'producer', silent);
    const queues = new TaskQueues({ redis, keyPrefix: service.prefix, logger: silent });
    const sql: Sql = { query: () => Promise.reject(new Error('expected no statement')) };
    const lonely = new Reconciler({ redis, queues, sql, keyPrefix: service.prefix, intervalMs: 1000, logger: silent });

    await lonely.runOnce();

    expect(reconciling.looked()).toBe(0);
    redis.disconnect();
  });
});

describe('when Redis was emptied', () => {
  test('all that is open is dispatched again, in whatever state', async ({ service, reconciling }) => {
    const { database } = service;
    const ids = await Promise.all(upTo(5).map(() => service.enqueue()));
    const [, started = '', waiting = '', ended = '', revoked = ''] = ids;
    await database.start(started);
    await database.start(waiting);
    await database.settle({ taskId: waiting, attempt: 1, state: 'RETRY', delayMs: 60_000 });
    await database.start(ended);
    await database.settle({ taskId: ended, attempt: 1, state: 'SUCCESS' });
    await revokeWaiting(database.sql, [revoked], null);
    await reconciling.pass();

    await reconciling.flush();
    await reconciling.pass();

    expect(await dispatched(service)).toEqual(ids.slice(0, 3).toSorted());
    expect((await service.jobs()).find(({ id }) => id === waiting)?.delay).toBeGreaterThan(50_000);
  });

  test('in the middle of a pass, the next pass makes it good', async ({ service, reconciling }) => {
    const ids = await storeUndispatched(service, 1100);
    let lists = 0;
    reconciling.onStatement = async (text) => {
      if (!text.includes('from open_task')) return;
      lists += 1;
      if (lists === 2) await reconciling.flush();
    };

    await reconciling.pass();
    const afterFirst = await dispatched(service);
    await reconciling.pass();

    expect(afterFirst).toHaveLength(600); // the first page of 500 went with Redis
    expect(await dispatched(service)).toEqual(ids.toSorted());
  });

  test('in the middle of a pass, which another worker then overtakes, nothing is hidden', async ({
    service,
    reconciling,
  }) => {
    const ids = await storeUndispatched(service, 600);
    const other = openReconciling(service);
    let lists = 0;
    reconciling.onStatement = async (text) => {
      if (!text.includes('from open_task')) return;
      lists += 1;
      if (lists !== 2) return;
      await reconciling.flush();
      await other.pass();
      await reconciling.flush();
    };

    await reconciling.pass();
    await other.pass();

    expect(await dispatched(service)).toEqual(ids.toSorted());
  });
});

describe('a transaction that commits late', () => {
  test('is found, however many passes and commits there were before', async ({ service, reconciling }) => {
    const late = newTask();
    const em = service.resources.orm.em.fork();
    await em.begin();
    await insertTasks(transactionSql(em), [late]);

    const early: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      early.push(...(await storeUndispatched(service, 2)));
      await reconciling.pass();
    }
    const before = await dispatched(service);
    await em.execute('commit'); // nobody hears of it
    await reconciling.pass();
    await em.rollback();

    expect(before).toEqual(early.toSorted());
    expect(await dispatched(service)).toEqual([late.id, ...early].toSorted());
  });

  test('while a pass lists is found by the next one', async ({ service, reconciling }) => {
    const late = newTask();
    const em = service.resources.orm.em.fork();
    await em.begin();
    await insertTasks(transactionSql(em), [late]);
    const early = await storeUndispatched(service, 501);
    let lists = 0;
    reconciling.onStatement = async (text) => {
      if (!text.includes('from open_task')) return;
      lists += 1;
      if (lists === 2) await em.execute('commit'); // its place in the list has been passed
    };

    await reconciling.pass();
    const before = await dispatched(service);
    await reconciling.pass();
    await em.rollback();

    expect(before).not.toContain(late.id);
    expect(await dispatched(service)).toEqual([late.id, ...early].toSorted());
  });
});

test('when Redis does not answer whether there is a job, the next pass asks again', async ({
  service,
  reconciling,
}) => {
  const ids = await storeUndispatched(service, 3);
  const { queues } = service.resources;
  const addMissing = queues.addMissing.bind(queues);
  queues.addMissing = () => Promise.reject(new Error('Command timed out'));
  await expect(reconciling.pass()).rejects.toThrow('Command timed out');

  queues.addMissing = addMissing;
  await reconciling.pass();

  expect(await dispatched(service)).toEqual(ids);
});

test('a database that was restored from before the mark is looked at from its beginning', async ({
  service,
  reconciling,
}) => {
  await reconciling.pass();
  await service.redis.hset(reconciling.markKey, 'xid', '999999999999');
  const ids = await storeUndispatched(service, 2);

  await reconciling.pass();

  expect(await dispatched(service)).toEqual(ids);
  await untilNothingIsLookedAt(reconciling);
});

describe('of several workers', () => {
  test('one makes the pass, and none for a while after it', async ({ service, reconciling }) => {
    const others = [openReconciling(service), openReconciling(service)];
    await storeUndispatched(service, 10);

    await Promise.all([reconciling, ...others].map(({ reconciler }) => reconciler.runOnce()));
    await Promise.all([reconciling, ...others].map(({ reconciler }) => reconciler.runOnce()));

    expect(reconciling.looked() + others.reduce((total, other) => total + other.looked(), 0)).toBe(10);
    expect(await service.redis.pttl(reconciling.leaseKey)).toBeLessThanOrEqual(800); // of an interval of 1 s
  });

  test('one that dies in a pass keeps the others for some seconds only', async ({ service, reconciling }) => {
    await storeUndispatched(service, 600);
    const leases: number[] = [];
    reconciling.onStatement = async () => leases.push(await service.redis.pttl(reconciling.leaseKey));

    await reconciling.pass();

    expect(leases.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...leases)).toBeLessThanOrEqual(5000);
    expect(Math.min(...leases)).toBeGreaterThan(0);
  });
});

base(
  'a Redis that was restarted may have lost its last moments: all that is open is looked at once',
  async ({ services }) => {
    const orm = await openOrm({ databaseUrl: services.databaseUrl, applicationName: 'test', logger: silent });
    const redis = openRedis(services.redisUrl, 'producer', silent);
    await once(redis, 'ready');
    const queues = new TaskQueues({ redis, keyPrefix: 'taskwire', logger: silent });
    const sql = poolSql(orm);
    const looked: number[] = [];
    const addMissing = queues.addMissing.bind(queues);
    queues.addMissing = (tasks) => {
      looked.push(tasks.length);
      return addMissing(tasks);
    };
    const reconciler = new Reconciler({ redis, queues, sql, keyPrefix: 'taskwire', intervalMs: 1000, logger: silent });
    const pass = async () => {
      await redis.del('taskwire:reconciler-lease');
      await reconciler.runOnce();
    };
    const task = newTask();
    await insertTasks(sql, [task]);
    await pass();
    await pass();

    await services.redis.stop();
    const back = new Promise<void>((resolve) => redis.once('ready', resolve)); // `once` would reject with the errors until then
    await services.redis.start();
    await back;
    await redis.unlink(`taskwire:diagnostics:${task.id}`); // what was lost
    await pass();
    await pass();

    expect(looked).toEqual([1, 0, 1, 0]);
    expect(await redis.exists(`taskwire:diagnostics:${task.id}`)).toBe(1);
    await queues.close();
    redis.disconnect();
    await closeOrm(orm);
  },
);
