import { once } from 'node:events';
import { pino } from 'pino';
import { describe, expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import type { DispatchableTask } from '../../src/db/statements/find-undispatched.ts';
import { openRedis } from '../../src/queue/redis.ts';
import { TaskQueues, taskIdOf } from '../../src/queue/task-queues.ts';
import { upTo } from '../db/database.ts';
import { QUEUE, test } from '../operations/service.ts';

const silent = pino({ level: 'silent' });

function task(given: Partial<DispatchableTask> = {}): DispatchableTask {
  return { id: newId(), name: 'noop', run: 1, queue: QUEUE, priority: 5, delayMs: 0, ...given };
}

test('a job has the id, the priority and the delay of its task', async ({ service }) => {
  const soon = task({ priority: 0 });
  const later = task({ delayMs: 59_999.2, priority: 9 });

  await service.resources.queues.add([soon, later]);

  expect(await service.jobs()).toMatchObject([
    { id: soon.id, priority: 0, delay: 0, data: {} },
    { id: later.id, priority: 9, delay: 60_000 },
  ]);
});

test('each task goes to its own queue', async ({ service }) => {
  const [a, b] = [task({ queue: 'one' }), task({ queue: 'two' })];

  await service.resources.queues.add([a, b]);

  expect(await service.jobIds('one')).toEqual([a.id]);
  expect(await service.jobIds('two')).toEqual([b.id]);
});

test('a task that has a job keeps it as it is', async ({ service }) => {
  const first = task({ delayMs: 60_000 });
  await service.resources.queues.add([first]);

  await service.resources.queues.add([{ ...first, delayMs: 0 }]);

  expect(await service.jobs()).toMatchObject([{ id: first.id, delay: 60_000 }]);
});

test('a run by hand has a job of its own, and that is the task’s too', async ({ service }) => {
  const first = task();
  const again = { ...first, run: 12 };

  await service.resources.queues.add([first, again]);

  const ids = await service.jobIds();
  expect(ids).toHaveLength(2);
  expect(ids.map(taskIdOf)).toEqual([first.id, first.id]);
});

describe('tasks without a job', () => {
  test('get one, and are counted', async ({ service }) => {
    const tasks = upTo(10).map((number) => task({ queue: number % 2 ? 'odd' : 'even', run: 1 + (number % 3) }));
    await service.resources.queues.add(tasks.slice(0, 4));

    const missing = await service.resources.queues.addMissing(tasks);
    const none = await service.resources.queues.addMissing(tasks);

    expect([missing, none]).toEqual([6, 0]);
    const jobs = [...(await service.jobIds('odd')), ...(await service.jobIds('even'))];
    expect(jobs.map(taskIdOf).toSorted()).toEqual(tasks.map(({ id }) => id).toSorted());
  });

  test('are not taken to have one because Redis could not say', async ({ service, world }) => {
    const user = world.prefix;
    await service.redis.acl('SETUSER', user, 'on', '>secret', '~*', '&*', '+@all', '-exists');
    const url = new URL(world.redisUrl);
    Object.assign(url, { username: user, password: 'secret' });
    const redis = openRedis(url.href, 'producer', silent);
    const queues = new TaskQueues({ redis, keyPrefix: world.prefix, logger: silent });
    await once(redis, 'ready');

    await expect(queues.addMissing([task()])).rejects.toThrow('NOPERM');

    expect(await service.jobIds()).toEqual([]);
    await queues.close();
    redis.disconnect();
    await service.redis.acl('DELUSER', user);
  });
});

describe('a job is taken away', () => {
  test('wherever it waits, and no other', async ({ service }) => {
    const [now, later, stays] = [task(), task({ delayMs: 60_000 }), task()];
    await service.resources.queues.add([now, later, stays]);

    for (const gone of [now, later, task()]) await service.resources.queues.remove(gone);

    expect(await service.jobIds()).toEqual([stays.id]);
  });

  test('of one run only', async ({ service }) => {
    const first = task();
    await service.resources.queues.add([first, { ...first, run: 2 }]);

    await service.resources.queues.remove(first);

    expect(await service.jobIds()).toEqual([`${first.id}-2`]);
  });
});

test('while Redis is away nothing waits for it: adding fails at once, and removing is left out', async () => {
  const redis = openRedis('redis://127.0.0.1:1', 'producer', silent);
  const queues = new TaskQueues({ redis, keyPrefix: 'x', logger: silent });

  await expect(queues.add([task()])).rejects.toThrow('Redis is away');
  await expect(queues.addMissing([task()])).rejects.toThrow(/./);
  await queues.remove(task());

  expect(queues.available).toBe(false);
  redis.disconnect();
});
