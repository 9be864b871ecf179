import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dueFires, type DueOptions, planFires, WAITING_MAX } from '../../src/core/due-fires.ts';
import { nextFires } from '../../src/core/schedule.ts';

const at = (time: string) => new Date(`2026-11-22T${time}Z`);
const hourly = { cron: '@hourly', timeZone: 'UTC' };
const everySecond = { everySeconds: 1, timeZone: 'UTC' };

function due(given: Partial<DueOptions>): string[] {
  const options = { timing: hourly, cursor: at('08:00:00'), now: at('09:00:00'), catchUp: 'NONE', catchUpLimit: 3 };
  return dueFires({ ...options, ...given } as DueOptions).fires.map((fire) => fire.toISOString().slice(11, 19));
}

describe('a fire', () => {
  test('is due from its moment on, after the cursor', () => {
    expect(due({ now: at('08:59:59.999') })).toEqual([]);
    expect(due({})).toEqual(['09:00:00']);
    expect(due({ cursor: at('09:00:00') })).toEqual([]);
  });

  test('is on time for a minute, or half of the time to the next one, or 2 s', () => {
    const tenSeconds = { everySeconds: 10, timeZone: 'UTC' };

    expect(due({ now: at('09:01:00') })).toEqual(['09:00:00']);
    expect(due({ now: at('09:01:00.001') })).toEqual([]);
    expect(due({ timing: tenSeconds, cursor: at('08:59:50'), now: at('09:00:05') })).toEqual(['09:00:00']);
    expect(due({ timing: tenSeconds, cursor: at('08:59:50'), now: at('09:00:05.001') })).toEqual([]);
    expect(due({ timing: everySecond, cursor: at('08:59:50'), now: at('09:00:00') })).toEqual([
      '08:59:58',
      '08:59:59',
      '09:00:00',
    ]);
  });
});

describe('after a downtime', () => {
  const downtime = { cursor: at('03:00:00'), now: at('09:30:00') };

  test('NONE drops what was missed', () => {
    expect(due({ ...downtime, catchUp: 'NONE' })).toEqual([]);
  });

  test('LAST keeps the newest, unless one is on time', () => {
    expect(due({ ...downtime, catchUp: 'LAST' })).toEqual(['09:00:00']);
    expect(due({ ...downtime, now: at('09:00:30'), catchUp: 'LAST' })).toEqual(['09:00:00']);
    expect(due({ timing: everySecond, ...downtime, catchUp: 'LAST' })).toEqual(['09:29:58', '09:29:59', '09:30:00']);
  });

  test('ALL keeps the newest ones up to the limit, and those on time', () => {
    expect(due({ ...downtime, catchUp: 'ALL' })).toEqual(['07:00:00', '08:00:00', '09:00:00']);
    expect(due({ ...downtime, catchUp: 'ALL', catchUpLimit: 100 })).toHaveLength(6);
    expect(due({ ...downtime, now: at('09:00:30'), catchUp: 'ALL' })).toEqual([
      '06:00:00',
      '07:00:00',
      '08:00:00',
      '09:00:00',
    ]);
  });

  test('the cursor goes to the newest fire, whether it counts or not', () => {
    const options = { timing: hourly, catchUpLimit: 1, catchUp: 'NONE', ...downtime } as const;

    expect(dueFires(options).cursor).toEqual(at('09:00:00'));
    expect(dueFires({ ...options, cursor: at('09:00:00') }).cursor).toEqual(at('09:00:00'));
  });

  test('of a year, a schedule of every second is decided at once', () => {
    for (const timing of [everySecond, { cron: '* * * * * *', timeZone: 'Europe/Berlin' }]) {
      const options = { timing, cursor: new Date('2025-11-22'), now: at('09:00:00'), catchUpLimit: 2 };
      const began = performance.now();

      expect(due({ ...options, catchUp: 'ALL' })).toEqual(['08:59:56', '08:59:57', '08:59:58', '08:59:59', '09:00:00']);
      expect(performance.now() - began).toBeLessThan(2000);
    }
  });
});

describe('fires that came close together, long before they are looked for,', () => {
  test('are decided at once', () => {
    const timing = { cron: '* * * 1-5 1 *', timeZone: 'UTC' };
    const options = { timing, cursor: new Date('2025-12-01'), now: new Date('2026-03-10'), catchUpLimit: 3 };
    const began = performance.now();

    expect(due({ ...options, catchUp: 'ALL' })).toEqual(['23:59:57', '23:59:58', '23:59:59']);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('count from the newest backwards', () => {
    const timings = ['* * 3 * * *', '0-20,50 * 1-4/3 * * *', '* */20 * 22 * *'].map((cron) => ({
      cron,
      timeZone: 'UTC',
    }));
    const cursor = at('00:00:00');

    fc.assert(
      fc.property(
        fc.constantFrom(...timings),
        fc.integer({ min: 6 * 3600, max: 30 * 3600 }),
        fc.integer({ min: 1, max: 1000 }),
        (timing, seconds, catchUpLimit) => {
          const now = new Date(cursor.getTime() + seconds * 1000);
          const all = nextFires(timing, cursor, 20_000).filter((fire) => fire <= now);
          fc.pre(now.getTime() - Number(all.at(-1)) > 60_000); // none is on time

          const { fires } = dueFires({ timing, cursor, now, catchUp: 'ALL', catchUpLimit });

          expect(fires).toEqual(all.slice(-catchUpLimit));
        },
      ),
      { numRuns: 50 },
    );
  });
});

test('however often it is looked, every fire is decided once, and each that is on time counts', () => {
  const waits = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 40 });

  fc.assert(
    fc.property(waits, fc.constantFrom('NONE', 'LAST', 'ALL'), (waitsMs, catchUp) => {
      const decided: number[] = [];
      let cursor = at('09:00:00');
      let now = cursor;
      for (const waitMs of waitsMs) {
        now = new Date(now.getTime() + waitMs);
        const { fires, cursor: next } = dueFires({ timing: everySecond, cursor, now, catchUp, catchUpLimit: 5 });
        decided.push(...fires.map((fire) => fire.getTime()));
        cursor = next;
      }

      const seconds = Math.floor((now.getTime() - at('09:00:00').getTime()) / 1000);
      const all = Array.from({ length: seconds }, (_, index) => at('09:00:00').getTime() + (index + 1) * 1000);
      expect(decided).toEqual(all);
    }),
  );
});

describe('while a run is open', () => {
  const fires = [at('07:00:00'), at('08:00:00'), at('09:00:00')];
  const [first, second, last] = fires;

  test.each([
    ['ALLOW', 0, { run: fires, waiting: [], cancel: false }],
    ['ALLOW', 2, { run: fires, waiting: [], cancel: false }],
    ['SKIP', 0, { run: [last], waiting: [], cancel: false }],
    ['SKIP', 1, { run: [], waiting: [], cancel: false }],
    ['CANCEL_PREVIOUS', 0, { run: [last], waiting: [], cancel: false }],
    ['CANCEL_PREVIOUS', 1, { run: [], waiting: [last], cancel: true }],
    ['QUEUE', 0, { run: [first], waiting: [second, last], cancel: false }],
    ['QUEUE', 1, { run: [], waiting: fires, cancel: false }],
  ] as const)('%s with %i of them', (overlap, open, plan) => {
    expect(planFires(overlap, fires, open)).toEqual(plan);
    expect(planFires(overlap, [], open)).toEqual({ run: [], waiting: [], cancel: false });
  });

  test('QUEUE keeps the first of too many', () => {
    const many = Array.from({ length: WAITING_MAX + 5 }, (_, index) => new Date(index * 1000));

    expect(planFires('QUEUE', many, 1).waiting).toEqual(many.slice(0, WAITING_MAX));
    expect(planFires('QUEUE', many, 0)).toMatchObject({ run: [many[0]], waiting: many.slice(1, WAITING_MAX + 1) });
  });
});
