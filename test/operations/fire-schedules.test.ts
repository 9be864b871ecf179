import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { cancelTask } from '../../src/operations/cancel-task.ts';
import { fireDueSchedules, fireSchedule } from '../../src/operations/fire-schedules.ts';
import { getSchedule } from '../../src/operations/get-schedule.ts';
import { pauseSchedule, resumeSchedule } from '../../src/operations/pause-schedule.ts';
import { retryTask } from '../../src/operations/retry-task.ts';
import { triggerSchedule } from '../../src/operations/trigger-schedule.ts';
import { upsertSchedule } from '../../src/operations/upsert-schedule.ts';
import { TaskCatalog } from '../../src/tasks/catalog.ts';
import { countdown, noop } from '../../src/tasks/diagnostics.ts';
import { untilWaiting } from '../db/database.ts';
import { openTestService } from '../support/core-service.ts';
import { at, finishRuns, fires, isOpen, look, runs, schedule } from './scheduled.ts';
import { test, type TestService } from './service.ts';

const states = (all: readonly { fire: string | null; state: string }[]) => all.map((run) => [run.fire, run.state]);

describe('a fire', () => {
  test('becomes one task with the payload, the tag and the job of it', async ({ service }) => {
    await schedule(service, { task: 'countdown', payload: { steps: 2, stepMs: 0 } });

    const early = await look(service, '08:59:59.999');
    const [id = ''] = await look(service, '09:00:00');
    const again = await look(service, '09:00:00');

    expect([early, again]).toEqual([[], []]);
    expect(await service.jobIds()).toEqual([id]);
    expect(await service.database.row(id)).toMatchObject({
      name: 'countdown',
      input: { steps: 2, stepMs: 0 },
      tags: ['schedule:nightly'],
      owner: 'schedule:nightly',
      idempotency_key: '2026-11-23T09:00:00.000Z',
      priority: 5,
    });
    expect(await getSchedule(service.resources, 'nightly')).toMatchObject({
      cursorAt: at('09:00:00'),
      nextRunAt: at('10:00:00'),
      lastRunAt: at('09:00:00'),
    });
  });

  test('that three schedulers see at once becomes one task', async ({ service, world }) => {
    await using opened = new AsyncDisposableStack();
    const others = await Promise.all([openTestService(world), openTestService(world)]);
    for (const other of others) opened.defer(() => other.close());
    const schedulers = [service.resources, ...others.map(({ resources }) => resources)];
    for (const key of ['a', 'b', 'c']) await schedule(service, { key, everySeconds: 60 });

    for (let minute = 1; minute <= 10; minute += 1) {
      const now = new Date(at('08:00:00').getTime() + minute * 60_000);
      await Promise.all(schedulers.map((resources) => fireDueSchedules(resources, now)));
    }

    const expected = Array.from({ length: 10 }, (_, index) => `08:${String(index + 1).padStart(2, '0')}`);
    for (const key of ['a', 'b', 'c']) expect(await fires(service, key)).toEqual(expected);
  });

  test('by the clock of Postgres comes by itself', async ({ service }) => {
    const soon = await upsertSchedule(service.resources, { key: 'soon', task: 'noop', everySeconds: 1 });

    await expect.poll(() => fireDueSchedules(service.resources)).not.toEqual([]);

    const { cursorAt } = (await getSchedule(service.resources, 'soon')) ?? {};
    expect(cursorAt?.getTime()).toBeGreaterThan(soon.cursorAt.getTime());
    expect(Number(cursorAt) % 1000).toBe(0);
  });

  test('does not come while the schedule is paused, nor what fell into the pause', async ({ service }) => {
    await schedule(service, { catchUp: 'ALL' });
    await pauseSchedule(service.resources, 'nightly', at('08:30:00'));

    await look(service, '10:00:00');
    await resumeSchedule(service.resources, 'nightly', at('11:30:00'));
    await look(service, '11:30:00');
    await look(service, '12:00:00');

    expect(await fires(service)).toEqual(['12:00']);
  });

  test('that a timer wakes somebody for comes although the clock of Postgres is a little behind', async ({
    service,
  }) => {
    const make = async (key: string, timing: { cron?: string; everySeconds?: number }) =>
      (await upsertSchedule(service.resources, { key, task: 'noop', ...timing })).nextRunAt ?? new Date(0);
    const yearly = await make('far', { cron: '@yearly' });
    const woken = await make('soon', { everySeconds: 1 });

    const [id] = await fireSchedule(service.resources, 'soon', { woken });
    const early = await fireSchedule(service.resources, 'far', { woken: yearly });

    expect(early).toEqual([]);
    expect(id).toBeDefined();
    expect(await getSchedule(service.resources, 'soon')).toMatchObject({ cursorAt: woken });
  });

  test('that was decided by a clock that was set back does not come again, and those after it come', async ({
    service,
  }) => {
    await schedule(service, { catchUp: 'ALL' });
    await look(service, '12:00:00');

    for (const time of ['09:30:00', '10:00:00', '11:00:00', '12:00:00', '13:00:00']) await look(service, time);

    expect(await fires(service)).toEqual(['09:00', '10:00', '11:00', '12:00', '13:00']);
  });

  test('comes although the clock was decades ahead for a while', async ({ service }) => {
    await schedule(service);
    await fireDueSchedules(service.resources, new Date('2050-01-01T04:00:00Z'));

    await look(service, '08:30:00');
    const healed = await getSchedule(service.resources, 'nightly');
    await look(service, '09:00:00');

    expect(healed).toMatchObject({ cursorAt: at('08:30:00'), nextRunAt: at('09:00:00') });
    expect(await fires(service)).toEqual(['04:00', '09:00']);
  });

  test('that is decided while the schedule is being paused is not', async ({ service }) => {
    await schedule(service);
    const em = service.resources.orm.em.fork();
    await em.begin();
    await em.execute(`update schedule set enabled = false, next_run_at = null`);

    const looking = look(service, '09:00:00');
    await untilWaiting(service.database, 1);
    await em.commit();

    expect(await looking).toEqual([]);
    expect(await getSchedule(service.resources, 'nightly')).toMatchObject({ enabled: false, nextRunAt: null });
  });

  test('at the change of clocks comes once in each of two zones', async ({ service }) => {
    const days = { 'Europe/Berlin': ['2026-03-29', '2026-10-25'], 'America/New_York': ['2026-03-08', '2026-11-01'] };
    const found: string[] = [];
    for (const [timeZone, changes] of Object.entries(days)) {
      for (const day of changes) {
        const key = `${timeZone.slice(0, 3)}-${day}`;
        const begin = Date.parse(`${day}T00:00:00Z`) - 12 * 3_600_000;
        const cron = timeZone === 'Europe/Berlin' ? '30 2 * * *' : '30 1,2 * * *';
        await schedule(service, { key, cron, timeZone, catchUp: 'NONE' }, new Date(begin));
        for (let minute = 0; minute < 36 * 60; minute += 30) {
          await fireSchedule(service.resources, key, { now: new Date(begin + minute * 60_000) });
        }
        found.push(...(await fires(service, key)).map((fire) => `${day} ${fire}`));
      }
    }

    expect(found).toEqual([
      '2026-03-29 01:00', // 02:30 does not exist: 03:00 summer time
      '2026-10-25 00:30', // the first 02:30
      '2026-03-08 06:30', // 01:30
      '2026-03-08 07:00', // 02:30 does not exist: 03:00 summer time
      '2026-11-01 05:30', // the first 01:30
      '2026-11-01 07:30', // 02:30
    ]);
  });
});

/** For each overlap and catch-up: what there is right after the downtime, and the fires that became tasks in the end. */
const DOWNTIMES = [
  ['ALLOW', 'NONE', '09:00 PENDING', '09:00'],
  ['SKIP', 'NONE', '09:00 PENDING', '09:00'],
  ['CANCEL_PREVIOUS', 'NONE', '09:00 PENDING', '09:00'],
  ['QUEUE', 'NONE', '09:00 PENDING', '09:00'],
  ['ALLOW', 'LAST', '09:00 PENDING, 13:00 PENDING', '09:00, 13:00'],
  ['SKIP', 'LAST', '09:00 PENDING', '09:00'],
  ['CANCEL_PREVIOUS', 'LAST', '09:00 REVOKED, 13:00 PENDING', '09:00, 13:00'],
  ['QUEUE', 'LAST', '09:00 PENDING', '09:00, 13:00'],
  ['ALLOW', 'ALL', '09:00 PENDING, 11:00 PENDING, 12:00 PENDING, 13:00 PENDING', '09:00, 11:00, 12:00, 13:00'],
  ['SKIP', 'ALL', '09:00 PENDING', '09:00'],
  ['CANCEL_PREVIOUS', 'ALL', '09:00 REVOKED, 13:00 PENDING', '09:00, 13:00'],
  ['QUEUE', 'ALL', '09:00 PENDING', '09:00, 11:00, 12:00, 13:00'],
] as const;

test('what was missed in a downtime, for each overlap and catch-up, while the run before it is open', async ({
  service,
}) => {
  for (const [overlap, catchUp, after, inTheEnd] of DOWNTIMES) {
    const key = `${overlap}-${catchUp}`;
    await schedule(service, { key, overlap, catchUp, catchUpLimit: 3 });
    await look(service, '09:00:00');
    await look(service, '13:30:00');
    const found = (await runs(service, key)).map(({ fire, state }) => `${fire} ${state}`).join(', ');
    for (let round = 0; round < 5; round += 1) {
      await finishRuns(service, key);
      await look(service, '13:30:01');
    }

    expect([overlap, catchUp, found]).toEqual([overlap, catchUp, after]);
    expect([overlap, catchUp, (await fires(service, key)).join(', ')]).toEqual([overlap, catchUp, inTheEnd]);
    await pauseSchedule(service.resources, key);
  }
});

describe('SKIP', () => {
  test('drops fires as long as a run is open, and goes on after it', async ({ service }) => {
    await schedule(service, { overlap: 'SKIP' });
    await look(service, '09:00:00');
    await look(service, '10:00:00');
    await finishRuns(service);
    await look(service, '10:30:00');
    await look(service, '11:00:00');

    expect(await fires(service)).toEqual(['09:00', '11:00']);
  });

  test('counts what was triggered, and what was enqueued while its overlap was ALLOW', async ({ service }) => {
    await schedule(service, { overlap: 'SKIP' });
    await triggerSchedule(service.resources, 'nightly');
    await look(service, '09:00:00');
    await finishRuns(service);
    await schedule(service, { overlap: 'ALLOW' });
    await look(service, '10:00:00');
    await schedule(service, { overlap: 'SKIP' });
    await look(service, '11:00:00');

    expect(states(await runs(service))).toEqual([
      [null, 'SUCCESS'],
      ['10:00', 'PENDING'],
    ]);
  });
});

describe('CANCEL_PREVIOUS', () => {
  test('waits for a run that is on its way to its end, with the newest fire', async ({ service }) => {
    await schedule(service, { overlap: 'CANCEL_PREVIOUS' });
    const [running = ''] = await look(service, '09:00:00');
    await service.database.start(running);

    await look(service, '10:00:00');
    await look(service, '11:00:00');
    const asked = await service.database.row(running);
    await service.database.settle({ taskId: running, attempt: 1, state: 'REVOKED' });
    await look(service, '11:00:01');

    expect(asked).toMatchObject({ state: 'STARTED', cancel_reason: 'the next run of schedule nightly is due' });
    expect(states(await runs(service))).toEqual([
      ['09:00', 'REVOKED'],
      ['11:00', 'PENDING'],
    ]);
  });

  test('asks again when the process that asked was killed before it could', async ({ service }) => {
    await schedule(service, { overlap: 'CANCEL_PREVIOUS' });
    const [id = ''] = await look(service, '09:00:00');
    const rejected = () => Promise.reject(new Error('killed'));
    const killed = { ...service.resources, sql: { query: rejected, transaction: rejected } };

    await expect(fireSchedule(killed, 'nightly', { now: at('10:00:00') })).rejects.toThrow('killed');
    const between = await service.database.row(id);
    await look(service, '10:00:01');

    expect(between).toMatchObject({ state: 'PENDING' });
    expect(states(await runs(service))).toEqual([
      ['09:00', 'REVOKED'],
      ['10:00', 'PENDING'],
    ]);
  });
});

test('QUEUE runs one after the other; pausing drops what waits', async ({ service }) => {
  await schedule(service, { overlap: 'QUEUE' });
  for (const hour of ['09', '10', '11', '12']) await look(service, `${hour}:00:00`);
  const first = await fires(service);
  await finishRuns(service);
  await look(service, '12:00:01');
  const second = await fires(service);
  await pauseSchedule(service.resources, 'nightly', at('12:10:00'));
  await finishRuns(service);
  await resumeSchedule(service.resources, 'nightly', at('12:20:00'));
  await look(service, '12:20:01');
  await look(service, '13:00:00');

  expect([first, second]).toEqual([['09:00'], ['09:00', '10:00']]);
  expect(await fires(service)).toEqual(['09:00', '10:00', '13:00']);
});

test('a run that is run again is an open run for the fires after it', async ({ service }) => {
  await schedule(service, { overlap: 'SKIP' });
  const [first = ''] = await look(service, '09:00:00');
  await cancelTask(service.resources, { id: first });
  await look(service, '10:00:00');
  await finishRuns(service);

  await retryTask(service.resources, first);
  const meanwhile = await look(service, '11:00:00');
  await finishRuns(service);
  await look(service, '12:00:00');

  expect(meanwhile).toEqual([]);
  expect(await fires(service)).toEqual(['09:00', '10:00', '12:00']);
});

describe('a contract that changed', () => {
  test('and does not take the payload any more: nothing is enqueued, the schedule says why and goes on', async ({
    service,
  }) => {
    await schedule(service, { task: 'countdown', payload: { steps: 2, stepMs: 0 } });
    const stricter = { ...countdown, input: countdown.input.extend({ steps: noop.input }) };
    const deployed = { ...service.resources, catalog: new TaskCatalog([stricter]) };

    await fireDueSchedules(deployed, at('09:00:00'));
    const failing = await getSchedule(service.resources, 'nightly');
    await look(service, '10:00:00');

    expect(failing).toMatchObject({
      problem: { code: 'PAYLOAD_INVALID', path: ['steps'] },
      nextRunAt: at('10:00:00'),
      lastRunAt: null,
    });
    expect(await fires(service)).toEqual(['10:00']);
    expect(await getSchedule(service.resources, 'nightly')).toMatchObject({ problem: null });
  });

  test('and is unknown to this process: the fire is left to one that knows it', async ({ service }) => {
    await schedule(service);
    const without = { ...service.resources, catalog: new TaskCatalog([countdown]) };

    const ids = [
      ...(await fireDueSchedules(without, at('09:00:00'))),
      ...(await fireSchedule(without, 'nightly', { now: at('09:00:00') })),
    ];
    await look(service, '09:00:30');

    expect(ids).toEqual([]);
    expect(await fires(service)).toEqual(['09:00']);
  });
});

test('a schedule that cannot fire does not hold up the others', async ({ service }) => {
  for (const key of ['a', 'b', 'c']) await schedule(service, { key });
  await service.database.run(`update schedule set cron = 'broken' where key = 'b'`);

  await look(service, '09:00:00');

  expect(await fires(service, 'a')).toEqual(['09:00']);
  expect(await fires(service, 'c')).toEqual(['09:00']);
});

const LOOKS = ['look', 'look', 'look', 'look'] as const;
/** What happens how many seconds after the last, and how many schedulers look at once. */
const steps = <Kind extends string>(...kinds: Kind[]) =>
  fc.array(
    fc.record({
      seconds: fc.integer({ min: 0, max: 400 }),
      kind: fc.constantFrom(...LOOKS, ...kinds),
      schedulers: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 5, maxLength: 15 },
  );

const MINUTE_MS = 60_000;

/** The fires of a schedule of every minute after a time and up to another. */
function minutesBetween(afterMs: number, untilMs: number): string[] {
  const first = Math.floor(afterMs / MINUTE_MS) + 1;
  const count = Math.max(0, Math.floor(untilMs / MINUTE_MS) - first + 1);
  return Array.from({ length: count }, (_, index) => new Date((first + index) * MINUTE_MS).toISOString().slice(11, 16));
}

test('whatever is paused, resumed, changed or down in between, no fire comes twice and none is forgotten', async ({
  service,
}) => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(steps('pause', 'resume', 'upsert'), async (all) => {
      const key = `random-${(count += 1)}`;
      const given = { key, everySeconds: 60, catchUp: 'ALL', catchUpLimit: 1000 } as const;
      let nowMs = at('08:00:00').getTime();
      await schedule(service, given, new Date(nowMs));
      const model = { cursorMs: nowMs, enabled: true, fires: [] as string[] };
      for (const { seconds, kind, schedulers } of all) {
        nowMs += seconds * 1000;
        const now = new Date(nowMs);
        switch (kind) {
          case 'look':
            await lookAtOnce(service, key, now, schedulers);
            if (model.enabled) model.fires.push(...minutesBetween(model.cursorMs, nowMs));
            if (model.enabled) model.cursorMs = nowMs;
            break;
          case 'pause':
            await pauseSchedule(service.resources, key, now);
            model.enabled = false;
            break;
          case 'resume':
            await resumeSchedule(service.resources, key, now);
            if (!model.enabled) model.cursorMs = nowMs;
            model.enabled = true;
            break;
          case 'upsert':
            await schedule(service, { ...given, payload: { at: nowMs } }, now);
        }
      }

      expect(await fires(service, key)).toEqual(model.fires);
    }),
    { numRuns: 25 },
  );
});

test('however fires and the ends of runs fall, no two runs are open at once, and QUEUE forgets none', async ({
  service,
}) => {
  let count = 0;
  const overlaps = fc.constantFrom('SKIP' as const, 'CANCEL_PREVIOUS' as const, 'QUEUE' as const);
  await fc.assert(
    fc.asyncProperty(steps('start', 'finish', 'finish'), overlaps, async (all, overlap) => {
      const key = `overlap-${(count += 1)}`;
      const began = at('08:00:00').getTime();
      await schedule(service, { key, overlap, everySeconds: 60, catchUp: 'ALL', catchUpLimit: 1000 }, new Date(began));
      let nowMs = began;
      let decidedMs = began;
      for (const { seconds, kind, schedulers } of all) {
        nowMs += seconds * 1000;
        if (kind === 'look') await lookAtOnce(service, key, new Date((decidedMs = nowMs)), schedulers);
        if (kind === 'start') await startRuns(service, key);
        if (kind === 'finish') await finishRuns(service, key);
        expect((await runs(service, key)).filter(isOpen).length).toBeLessThanOrEqual(1);
      }
      if (overlap !== 'QUEUE') return;

      const expected = minutesBetween(began, decidedMs);
      while ((await fires(service, key)).length < expected.length) {
        await finishRuns(service, key);
        await fireSchedule(service.resources, key, { now: new Date(decidedMs) });
      }
      expect(await fires(service, key)).toEqual(expected);
    }),
    { numRuns: 25 },
  );
});

function lookAtOnce({ resources }: TestService, key: string, now: Date, schedulers: number): Promise<unknown> {
  return Promise.all(Array.from({ length: schedulers }, () => fireSchedule(resources, key, { now })));
}

async function startRuns(service: TestService, key: string): Promise<void> {
  for (const { id, state } of await runs(service, key)) if (state === 'PENDING') await service.database.start(id);
}
