import { pino } from 'pino';
import { describe, expect } from 'vitest';
import { openRedis } from '../../src/queue/redis.ts';
import { ScheduleTimers } from '../../src/queue/schedule-timers.ts';
import { deleteSchedule } from '../../src/operations/delete-schedule.ts';
import { pauseSchedule, resumeSchedule } from '../../src/operations/pause-schedule.ts';
import { upsertSchedule } from '../../src/operations/upsert-schedule.ts';
import { alignTimers } from '../../worker/maintenance/align-timers.ts';
import { openScheduleWorker } from '../../worker/schedule-worker.ts';
import { fires, runs } from '../operations/scheduled.ts';
import { test as base, type TestService } from '../operations/service.ts';

const silent = pino({ level: 'silent' });

const test = base.extend('align', ({ service }) => async () => {
  await service.redis.del(`${service.prefix}:schedule-timers-lease`);
  await alignTimers(optionsOf(service));
});

function optionsOf({ resources, redis, prefix }: TestService) {
  const { timers, sql } = resources;
  return { redis, timers, sql, keyPrefix: prefix, intervalMs: 5000, logger: silent };
}

function make({ resources }: TestService, key: string, given: { cron?: string; everySeconds?: number }) {
  return upsertSchedule(resources, { key, task: 'noop', timeZone: 'Europe/Berlin', ...given });
}

const DAILY = { key: 'daily', pattern: '30 2 * * *', timeZone: 'Europe/Berlin' };
const MINUTELY = { key: 'minutely', pattern: '@every 60', timeZone: 'Europe/Berlin' };

/** The jobs that wait for their time: one a timer. */
async function delayed({ redis, prefix }: TestService): Promise<number> {
  return redis.zcard(`${prefix}:_schedules:delayed`);
}

describe('timers', () => {
  test('follow what is changed over the API at once', async ({ service }) => {
    const { timers } = service.resources;
    await make(service, 'daily', { cron: '30 2 * * *' });
    await make(service, 'minutely', { everySeconds: 30 });
    await make(service, 'minutely', { everySeconds: 60 });
    const made = await timers.list();
    await pauseSchedule(service.resources, 'daily');
    const paused = await timers.list();
    await resumeSchedule(service.resources, 'daily');
    await deleteSchedule(service.resources, 'minutely');

    expect(made).toEqual([DAILY, MINUTELY]);
    expect(paused).toEqual([MINUTELY]);
    expect(await timers.list()).toEqual([DAILY]);
    expect(await delayed(service)).toBe(1);
  });

  test('that Redis has lost, kept too long or has otherwise are brought in line', async ({ service, align }) => {
    const { timers } = service.resources;
    await make(service, 'daily', { cron: '30 2 * * *' });
    await make(service, 'minutely', { everySeconds: 60 });
    await timers.remove('daily');
    await timers.set({ key: 'minutely', everySeconds: 5, timeZone: 'UTC' });
    await timers.set({ key: 'leftover', cron: '@daily', timeZone: 'UTC' });

    await align();

    expect(await timers.list()).toEqual([DAILY, MINUTELY]);
    expect(await delayed(service)).toBe(2);
  });

  test('of which one cannot be read: the others are set all the same', async ({ service, align }) => {
    for (const key of ['a', 'daily', 'z']) await make(service, key, { cron: '30 2 * * *' });
    await service.database.run(`update schedule set cron = 'broken' where key = 'a'`);
    await service.database.run(`update schedule set time_zone = 'Mars/Base' where key = 'z'`);
    await service.redis.unlink(await service.redis.keys(`${service.prefix}:*`));
    await service.resources.timers.set({ key: 'leftover', cron: '@daily', timeZone: 'UTC' });

    await align();

    expect(await service.resources.timers.list()).toEqual([DAILY]);
  });

  test('are all there again after FLUSHALL', async ({ service, align }) => {
    await make(service, 'daily', { cron: '30 2 * * *' });
    await make(service, 'minutely', { everySeconds: 60 });
    await service.redis.unlink(await service.redis.keys(`${service.prefix}:*`));

    await align();

    expect(await service.resources.timers.list()).toEqual([DAILY, MINUTELY]);
    expect(await delayed(service)).toBe(2);
  });

  test('that are as they should be are not touched', async ({ service }) => {
    await make(service, 'daily', { cron: '30 2 * * *' });
    const { timers } = service.resources;

    expect(await timers.align([{ key: 'daily', cron: '30 2 * * *', timeZone: 'Europe/Berlin' }])).toBe(0);
  });

  test('are looked after by one worker at a time', async ({ service, align }) => {
    await make(service, 'daily', { cron: '30 2 * * *' });
    await align();
    await service.resources.timers.remove('daily');

    await alignTimers(optionsOf(service));
    const meanwhile = await service.resources.timers.list();
    await align();

    expect(meanwhile).toEqual([]);
    expect(await service.resources.timers.list()).toEqual([DAILY]);
  });

  test('come when our own calendar says so', async ({ service }) => {
    const { nextRunAt } = await make(service, 'last-friday', { cron: '30 2 * * FRIL' });

    const [score] = await service.redis
      .zrange(`${service.prefix}:_schedules:repeat`, 0, -1, 'WITHSCORES')
      .then((all) => all.slice(1).map(Number));
    expect(new Date(score ?? 0)).toEqual(nextRunAt);
  });

  test('without Redis are left to the workers', async ({ service }) => {
    const redis = openRedis('redis://127.0.0.1:1', 'producer', silent);
    const timers = new ScheduleTimers({ redis, keyPrefix: service.prefix, logger: silent });
    const lonely = { ...service.resources, timers };

    const made = await upsertSchedule(lonely, { key: 'daily', task: 'noop', cron: '@daily' });
    await alignTimers({ ...optionsOf(service), redis, timers });

    expect(made).toMatchObject({ key: 'daily', enabled: true });
    expect(await service.resources.timers.list()).toEqual([]);
    redis.disconnect();
    await timers.close();
  });
});

test('a timer wakes a worker second by second, and three workers fire each second once', async ({ service, world }) => {
  const redis = openRedis(world.redisUrl, 'consumer', silent);
  const { resources, prefix } = service;
  const workers = [1, 2, 3].map(() => openScheduleWorker({ keyPrefix: prefix, redis, resources }));
  for (const worker of workers) void worker.run();

  await upsertSchedule(resources, { key: 'ticking', task: 'noop', everySeconds: 1, catchUp: 'ALL' });
  await expect.poll(async () => (await runs(service, 'ticking')).length, { timeout: 20_000 }).toBeGreaterThan(3);
  await Promise.all(workers.map((worker) => worker.close()));
  redis.disconnect();

  const seconds = await service.database.run<{ at: string }>(
    `select idempotency_key as at from task where owner = 'schedule:ticking' order by id`,
  );
  const times = seconds.map(({ at }) => Date.parse(at));
  expect(times).toEqual(times.map((_, index) => (times[0] ?? 0) + index * 1000));
  expect(await fires(service, 'ticking')).toHaveLength(times.length);
});
