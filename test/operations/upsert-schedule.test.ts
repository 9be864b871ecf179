import { describe, expect } from 'vitest';
import { declareSchedules } from '../../src/operations/declare-schedules.ts';
import { deleteSchedule } from '../../src/operations/delete-schedule.ts';
import { getSchedule, listSchedules, nextRuns } from '../../src/operations/get-schedule.ts';
import { pauseSchedule, resumeSchedule } from '../../src/operations/pause-schedule.ts';
import { triggerSchedule } from '../../src/operations/trigger-schedule.ts';
import { upsertSchedule, type UpsertScheduleInput } from '../../src/operations/upsert-schedule.ts';
import { defineSchedule } from '../../src/core/define-schedule.ts';
import { TaskCatalog } from '../../src/tasks/catalog.ts';
import { countdown, noop } from '../../src/tasks/diagnostics.ts';
import { at, fires, look, runs, schedule } from './scheduled.ts';
import { test, type TestService } from './service.ts';

const get = (service: TestService, key = 'nightly') => getSchedule(service.resources, key);

describe('a new schedule', () => {
  test('has what is given and the defaults of the rest, and begins now', async ({ service }) => {
    const made = await schedule(service, { cron: '30 2 * * MON-FRI', timeZone: 'Europe/Berlin' });

    expect(made).toMatchObject({
      key: 'nightly',
      task: 'noop',
      payload: {},
      cron: '30 2 * * MON-FRI',
      everySeconds: null,
      timeZone: 'Europe/Berlin',
      overlap: 'ALLOW',
      catchUp: 'LAST',
      catchUpLimit: 100,
      enabled: true,
      declared: false,
      problem: null,
      nextRunAt: new Date('2026-11-24T01:30:00Z'),
      lastRunAt: null,
    });
    expect(await get(service)).toMatchObject({ ...made });
    expect(nextRuns(made, 2)).toEqual([new Date('2026-11-24T01:30:00Z'), new Date('2026-11-25T01:30:00Z')]);
  });

  test('may be paused from the beginning', async ({ service }) => {
    const made = await schedule(service, { enabled: false });

    expect(made).toMatchObject({ enabled: false, nextRunAt: null });
    expect(nextRuns(made)).toEqual([]);
    expect(await look(service, '12:00:00')).toEqual([]);
  });

  test('that is wrong is not made, and all that is wrong is said', async ({ service }) => {
    const wrong: [Partial<UpsertScheduleInput>, ...[code: string, ...path: string[]][]][] = [
      [{ key: 'a:b' }, ['SCHEDULE_INVALID', 'key']],
      [{ key: 'nul\u0000' }, ['SCHEDULE_INVALID', 'key']],
      [{ task: 'nope' }, ['UNKNOWN_TASK', 'task']],
      [{ task: 'countdown', payload: { steps: 1 } }, ['PAYLOAD_INVALID', 'payload', 'stepMs']],
      [{ payload: { text: 'a\u0000b' } }, ['PAYLOAD_INVALID', 'payload', 'text']],
      [{ cron: '0 25 * * *' }, ['CRON_INVALID', 'cron']],
      [{ cron: null }, ['SCHEDULE_INVALID', 'cron']],
      [{ cron: '@daily', everySeconds: 5 }, ['SCHEDULE_INVALID', 'cron']],
      [{ cron: null, everySeconds: 0.9 }, ['SCHEDULE_INVALID', 'everySeconds']],
      [{ timeZone: 'Berlin' }, ['TIME_ZONE_INVALID', 'timeZone']],
      [{ catchUpLimit: 1001 }, ['SCHEDULE_INVALID', 'catchUpLimit']],
      [
        { task: 'nope', cron: '', timeZone: '' },
        ['TIME_ZONE_INVALID', 'timeZone'],
        ['CRON_INVALID', 'cron'],
        ['UNKNOWN_TASK', 'task'],
      ],
    ];

    for (const [given, ...problems] of wrong) {
      const input = { key: 'nightly', task: 'noop', cron: '@hourly', ...given };
      await expect(upsertSchedule(service.resources, input)).rejects.toMatchObject({
        problems: problems.map(([code, ...path]) => ({ code, path })),
      });
    }
    expect(await listSchedules(service.resources)).toEqual([]);
  });
});

describe('a schedule that is written anew', () => {
  test('goes on where it was when its timing stays', async ({ service }) => {
    await schedule(service);
    const changed = await schedule(service, { payload: { n: 1 }, overlap: 'SKIP' }, at('09:30:00'));
    await look(service, '09:30:00');

    expect(changed).toMatchObject({ payload: { n: 1 }, overlap: 'SKIP', nextRunAt: at('09:00:00') });
    expect(await fires(service)).toEqual(['09:00']);
  });

  test('begins anew with another timing, or when it is resumed with it', async ({ service }) => {
    await schedule(service);
    const other = await schedule(service, { cron: '15 * * * *' }, at('09:30:00'));
    await schedule(service, { cron: '15 * * * *', enabled: false }, at('09:40:00'));
    const paused = await schedule(service, { cron: '15 * * * *' }, at('10:30:00'));
    const resumed = await schedule(service, { cron: '15 * * * *', enabled: true }, at('11:30:00'));

    expect(other.nextRunAt).toEqual(at('10:15:00'));
    expect(paused).toMatchObject({ enabled: false, nextRunAt: null });
    expect(resumed).toMatchObject({ enabled: true, nextRunAt: at('12:15:00') });
  });

  test('keeps nothing of what was there before', async ({ service }) => {
    await schedule(service, { everySeconds: 5, overlap: 'QUEUE', catchUp: 'ALL', catchUpLimit: 7 });
    const anew = await schedule(service);

    expect(anew).toMatchObject({
      cron: '@hourly',
      everySeconds: null,
      overlap: 'ALLOW',
      catchUp: 'LAST',
      catchUpLimit: 100,
    });
  });
});

describe('pausing and resuming', () => {
  test('twice is as once', async ({ service }) => {
    await schedule(service);

    const paused = await pauseSchedule(service.resources, 'nightly', at('08:10:00'));
    const again = await pauseSchedule(service.resources, 'nightly', at('08:20:00'));
    const resumed = await resumeSchedule(service.resources, 'nightly', at('09:10:00'));
    const twice = await resumeSchedule(service.resources, 'nightly', at('10:10:00'));

    expect(paused).toMatchObject({ enabled: false, nextRunAt: null });
    expect(again).toEqual(paused);
    expect(resumed).toMatchObject({ enabled: true, nextRunAt: at('10:00:00') });
    expect(twice).toEqual(resumed);
  });
});

describe('triggering', () => {
  test('enqueues a run at once, also while paused, and leaves the fires alone', async ({ service }) => {
    await schedule(service, { task: 'countdown', payload: { steps: 1, stepMs: 0 } });
    await pauseSchedule(service.resources, 'nightly');

    const task = await triggerSchedule(service.resources, 'nightly');

    expect(task).toMatchObject({ name: 'countdown', state: 'PENDING', tags: ['schedule:nightly'] });
    expect(await service.jobIds()).toEqual([task.id]);
    expect(await runs(service)).toEqual([{ id: task.id, fire: null, state: 'PENDING' }]);
    expect(await get(service)).toMatchObject({ enabled: false, lastRunAt: expect.any(Date) as Date });
  });
});

test('a deleted schedule is gone with what waits of it; its tasks stay', async ({ service }) => {
  await schedule(service, { overlap: 'QUEUE' });
  await look(service, '09:00:00');
  await look(service, '10:00:00');

  const deleted = await deleteSchedule(service.resources, 'nightly');

  expect(deleted).toMatchObject({ key: 'nightly', lastRunAt: at('09:00:00') });
  expect(await get(service)).toBeNull();
  expect(await look(service, '11:00:00')).toEqual([]);
  expect(await fires(service)).toEqual(['09:00']);
});

test('what is made again with the same key does not clash with what it was', async ({ service }) => {
  await schedule(service);
  await look(service, '09:00:00');
  await deleteSchedule(service.resources, 'nightly');
  await schedule(service, {}, at('08:30:00'));
  await look(service, '09:00:00');
  await look(service, '10:00:00');

  expect(await fires(service)).toEqual(['09:00', '10:00']);
});

test('an unknown schedule is nobody’s', async ({ service }) => {
  const { resources } = service;

  for (const key of ['nope', '', 'nul\u0000']) {
    const message = `there is no schedule with the key ${JSON.stringify(key)}`;
    for (const act of [pauseSchedule, resumeSchedule, deleteSchedule, triggerSchedule]) {
      await expect(act(resources, key)).rejects.toMatchObject({
        problems: [{ code: 'SCHEDULE_NOT_FOUND', message, path: ['key'] }],
      });
    }
    expect(await get(service, key)).toBeNull();
  }
});

test('the next runs are at most a hundred', async ({ service }) => {
  const made = await schedule(service);

  expect(nextRuns(made, 100)).toHaveLength(100);
  expect(() => nextRuns(made, 101)).toThrow('expected first to be from 0 to 100, got: 101');
  expect(() => nextRuns(made, -1)).toThrow('got: -1');
});

describe('declared schedules', () => {
  const hourly = { key: 'nightly', task: noop, payload: {}, cron: '@hourly' } as const;
  const deploy = (service: TestService, time: string, ...specs: Parameters<typeof defineSchedule>[0][]) =>
    declareSchedules(service.resources, specs.map(defineSchedule), at(time));

  test('are there after a deployment, and the next one changes and removes them', async ({ service }) => {
    await schedule(service, { key: 'by-hand' });
    await deploy(service, '08:00:00', hourly, { ...hourly, key: 'other' }, { ...hourly, key: 'third' });
    await look(service, '09:00:00');
    await deploy(service, '09:30:00', hourly, { ...hourly, key: 'other', cron: '15 * * * *', overlap: 'SKIP' });

    const found = await listSchedules(service.resources);
    expect(found.map(({ key, declared, nextRunAt }) => [key, declared, nextRunAt])).toEqual([
      ['by-hand', false, at('10:00:00')],
      ['nightly', true, at('10:00:00')],
      ['other', true, at('10:15:00')],
    ]);
    expect(found[2]).toMatchObject({ overlap: 'SKIP' });
  });

  test('that did not change are not touched, and what was missed between deployments is made up for', async ({
    service,
  }) => {
    await deploy(service, '08:00:00', hourly);
    const before = await get(service);
    await deploy(service, '11:30:00', hourly);
    const after = await get(service);
    await look(service, '11:30:00');

    expect(after).toEqual(before);
    expect(await fires(service)).toEqual(['11:00']);
  });

  test('that are paused stay so', async ({ service }) => {
    await deploy(service, '08:00:00', hourly);
    await pauseSchedule(service.resources, 'nightly', at('08:10:00'));
    await deploy(service, '08:20:00', { ...hourly, cron: '@daily' });

    expect(await get(service)).toMatchObject({ cron: '@daily', enabled: false, declared: true, nextRunAt: null });
  });

  test('take over one that was made by hand, and are not changed by hand', async ({ service }) => {
    await schedule(service, { everySeconds: 60 });
    await deploy(service, '08:00:00', hourly);

    const declared = { problems: [{ code: 'SCHEDULE_DECLARED', path: ['key'] }] };
    await expect(schedule(service)).rejects.toMatchObject(declared);
    await expect(deleteSchedule(service.resources, 'nightly')).rejects.toMatchObject(declared);
    expect(await get(service)).toMatchObject({ cron: '@hourly', everySeconds: null, declared: true });
  });

  test('of tasks that this process does not offer are left to one that does', async ({ service }) => {
    const steps = { key: 'steps', task: countdown, payload: { steps: 1, stepMs: 1 }, everySeconds: 60 } as const;
    const { resources } = service;
    const catalog = new TaskCatalog([noop]);
    const specs = [defineSchedule(hourly), defineSchedule(steps)];

    await declareSchedules({ ...resources, catalog }, specs);
    const first = await listSchedules(resources);
    await declareSchedules(resources, specs);
    await declareSchedules({ ...resources, catalog }, specs);

    expect(first.map(({ key }) => key)).toEqual(['nightly']);
    expect((await listSchedules(resources)).map(({ key }) => key)).toEqual(['nightly', 'steps']);
  });

  test('of three workers that start together are there once', async ({ service }) => {
    await Promise.all(['08:00:00', '08:00:01', '08:00:02'].map((time) => deploy(service, time, hourly)));

    expect(await listSchedules(service.resources)).toHaveLength(1);
  });
});
