import { describe, expect } from 'vitest';
import { defineSchedule } from '../../src/core/define-schedule.ts';
import { declareSchedules } from '../../src/operations/declare-schedules.ts';
import { noop } from '../../src/tasks/diagnostics.ts';
import { runStatement } from '../../src/dev/administer-postgres.ts';
import { Redis } from 'ioredis';
import type { ApiClient } from '../support/api-client.ts';
import { openTestService } from '../support/core-service.ts';
import { test } from '../support/taskwire.ts';

const UPSERT = `mutation ($input: UpsertScheduleInput!) {
  upsertSchedule(input: $input) { schedule { key enabled nextRunAt overlap catchUp } userErrors { code message path } }
}`;

const LIST = `{ schedules { key task cron everySeconds timeZone enabled declared nextRunAt lastRunAt nextRuns(first: 2)
  tasks(first: 2) { edges { node { id name state tags } } pageInfo { hasNextPage } } } }`;

async function list(client: ApiClient, key: string): Promise<Record<string, any>> {
  const { schedules } = await client.request(LIST);
  return schedules.find((schedule: { key: string }) => schedule.key === key);
}

const ticking = { key: 'ticking', task: 'noop', everySeconds: 1 };

/** The seconds at which a schedule has fired. */
async function seconds(databaseUrl: string, key: string): Promise<number[]> {
  const rows = await runStatement(
    databaseUrl,
    'select extract(epoch from idempotency_key::timestamptz)::int as at from task where owner = ? order by 1',
    [`schedule:${key}`],
  );
  return rows.map((row) => Number(row['at']));
}

describe('a schedule of every second', () => {
  test('made over GraphQL runs, is listed with its runs, can be paused, triggered and deleted', async ({
    taskwire,
  }) => {
    const { client } = await taskwire.startApi();
    await taskwire.startWorker();

    const { upsertSchedule } = await client.request(UPSERT, { input: { ...ticking, overlap: 'SKIP' } });
    await expect
      .poll(async () => (await list(client, 'ticking'))['tasks'].edges.map((edge: any) => edge.node.state), {
        timeout: 20_000,
      })
      .toEqual(['SUCCESS', 'SUCCESS']);
    const { pauseSchedule } = await client.request(
      `mutation { pauseSchedule(key: "ticking") { schedule { enabled nextRunAt nextRuns } userErrors { code } } }`,
    );
    const { triggerSchedule } = await client.request(
      `mutation { triggerSchedule(key: "ticking") { task { id tags } userErrors { code } } }`,
    );
    const end = await client.finished(triggerSchedule.task.id);
    const listed = await list(client, 'ticking');
    const { deleteSchedule } = await client.request(
      `mutation { deleteSchedule(key: "ticking") { schedule { key } userErrors { code } } }`,
    );

    expect(upsertSchedule).toMatchObject({
      schedule: { key: 'ticking', enabled: true, overlap: 'SKIP', catchUp: 'LAST' },
      userErrors: [],
    });
    expect(pauseSchedule.schedule).toEqual({ enabled: false, nextRunAt: null, nextRuns: [] });
    expect([end.state, triggerSchedule.task.tags]).toEqual(['SUCCESS', ['schedule:ticking']]);
    expect(listed).toMatchObject({
      declared: false,
      lastRunAt: expect.any(String) as string,
      tasks: { edges: [{ node: { id: triggerSchedule.task.id } }, {}], pageInfo: { hasNextPage: true } },
    });
    expect(deleteSchedule).toEqual({ schedule: { key: 'ticking' }, userErrors: [] });
    expect(await list(client, 'ticking')).toBeUndefined();
  });

  test('fires each second once over FLUSHALL, Redis away and a worker that is killed', async ({
    isolated,
    services,
  }) => {
    const { client } = await isolated.startApi();
    const [first] = await Promise.all([isolated.startWorker(), isolated.startWorker()]);
    await client.request(UPSERT, { input: { ...ticking, catchUp: 'ALL', catchUpLimit: 1000 } });
    const until = (count: number) =>
      expect
        .poll(async () => (await seconds(services.databaseUrl, 'ticking')).length, { timeout: 30_000 })
        .toBeGreaterThan(count);

    await until(2);
    const redis = new Redis(services.redisUrl);
    await redis.flushall();
    redis.disconnect();
    await until(5);
    await services.redis.stop();
    await first.kill();
    await until(8);
    await services.redis.start();
    await until(11);
    await client.request(`mutation { pauseSchedule(key: "ticking") { userErrors { code } } }`);

    const fired = await seconds(services.databaseUrl, 'ticking');
    expect(fired).toEqual(fired.map((_, index) => (fired[0] ?? 0) + index));
  });
});

test('bad input comes back as user errors that say where', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const input = { key: 'a b', task: 'countdown', payload: { steps: 1 }, cron: '0 25 * * *', timeZone: 'Moon' };

  const { upsertSchedule } = await client.request(UPSERT, { input });
  const { pauseSchedule } = await client.request(
    `mutation { pauseSchedule(key: "nope") { schedule { key } userErrors { code path } } }`,
  );
  await client.request(UPSERT, { input: { ...ticking, enabled: false } });
  const { errors } = await client.send(`{ schedule(key: "ticking") { nextRuns(first: 1000) } }`);

  expect(upsertSchedule.schedule).toBeNull();
  expect(upsertSchedule.userErrors.map((error: any) => [error.code, error.path])).toEqual([
    ['SCHEDULE_INVALID', ['key']],
    ['TIME_ZONE_INVALID', ['timeZone']],
    ['CRON_INVALID', ['cron']],
    ['PAYLOAD_INVALID', ['payload', 'stepMs']],
  ]);
  expect(upsertSchedule.userErrors[2].message).toMatch(/^expected the hour \(field 2 of "0 25 \* \* \*"\) to be 0–23/);
  expect(pauseSchedule).toEqual({ schedule: null, userErrors: [{ code: 'SCHEDULE_NOT_FOUND', path: ['key'] }] });
  expect(errors).toMatchObject([
    { message: 'expected first to be from 0 to 100, got: 1000', extensions: { code: 'BAD_USER_INPUT' } },
  ]);
});

test('a deployment brings its declared schedules, and takes those of the one before with their timers', async ({
  taskwire,
  world,
}) => {
  const { resources, close } = await openTestService(world);
  await using opened = new AsyncDisposableStack();
  opened.defer(close);
  const old = defineSchedule({ key: 'old', task: noop, payload: {}, cron: '@daily' });
  await declareSchedules(resources, [old]);
  await expect.poll(() => resources.timers.available).toBe(true);
  await resources.timers.set(old);
  const { client } = await taskwire.startApi();

  await taskwire.startWorker();

  const { schedules } = await client.request('{ schedules { key cron timeZone task declared } }');
  expect(schedules).toEqual([
    { key: 'cleanup-old-files', cron: '0 2 * * *', timeZone: 'UTC', task: 'cleanup-old-files', declared: true },
    { key: 'prune-task-history', cron: '@hourly', timeZone: 'UTC', task: 'prune-task-history', declared: true },
  ]);
  await expect
    .poll(async () => (await resources.timers.list()).map(({ key }) => key))
    .toEqual(['cleanup-old-files', 'prune-task-history']);
  const { deleteSchedule } = await client.request(
    `mutation { deleteSchedule(key: "cleanup-old-files") { schedule { key } userErrors { code } } }`,
  );
  expect(deleteSchedule).toEqual({ schedule: null, userErrors: [{ code: 'SCHEDULE_DECLARED' }] });
});
