import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineSchedule } from '../../src/core/define-schedule.ts';
import { defineTask } from '../../src/core/define-task.ts';
import { nextFire, nextFires } from '../../src/core/schedule.ts';
import { catalog } from '../../src/tasks/catalog.ts';
import { schedules } from '../../src/tasks/schedules.ts';

const report = defineTask({
  name: 'report',
  description: 'Reports.',
  input: z.object({ month: z.int().min(1).max(12) }),
  output: z.object({}),
});
const VALID = { key: 'monthly', task: report, payload: { month: 1 }, cron: '@monthly' } as const;

test('a schedule says what is left out', () => {
  expect(defineSchedule(VALID)).toEqual({
    key: 'monthly',
    task: 'report',
    payload: { month: 1 },
    cron: '@monthly',
    everySeconds: null,
    timeZone: 'UTC',
    overlap: 'ALLOW',
    catchUp: 'LAST',
    catchUpLimit: 100,
  });
});

describe('a schedule that cannot be', () => {
  const message = (spec: object) => {
    try {
      defineSchedule(Object.assign({}, VALID, spec));
      return undefined;
    } catch (error) {
      return error;
    }
  };

  test.each([
    [{ key: 'a b' }, 'SCHEDULE_INVALID', 'key', 'expected key to be 1 to 80 letters, digits, _, . and -, the first'],
    [{ key: 'x'.repeat(81) }, 'SCHEDULE_INVALID', 'key', 'expected key to be 1 to 80'],
    [{ cron: '* * *' }, 'CRON_INVALID', 'cron', 'got: 3 in "* * *"'],
    [{ timeZone: 'Mars/Base' }, 'TIME_ZONE_INVALID', 'timeZone', 'a time zone, e.g. Europe/Berlin, got: "Mars/Base"'],
    [{ everySeconds: 5 }, 'SCHEDULE_INVALID', 'cron', 'expected one of cron and everySeconds, got: both'],
    [{ cron: undefined }, 'SCHEDULE_INVALID', 'cron', 'expected one of cron and everySeconds, got: neither'],
    [{ cron: undefined, everySeconds: 0.5 }, 'SCHEDULE_INVALID', 'everySeconds', 'from 1 to 31622400, got: 0.5'],
    [{ catchUpLimit: 0 }, 'SCHEDULE_INVALID', 'catchUpLimit', 'an integer from 1 to 1000, got: 0'],
    [
      { payload: { month: 13 } },
      'PAYLOAD_INVALID',
      'payload.month',
      'the payload of schedule monthly does not fit report: ',
    ],
  ])('%o is refused', (spec, code, field, text) => {
    const error = message(spec);

    expect(error).toMatchObject({ problems: [{ code, path: field.split('.') }] });
    expect(String(error)).toContain(text);
  });

  test('is told all that is wrong at once', () => {
    expect(message({ key: '', timeZone: '', cron: '', payload: {} })).toMatchObject({
      problems: [{ path: ['key'] }, { path: ['timeZone'] }, { path: ['cron'] }, { path: ['payload', 'month'] }],
    });
  });

  test('does not compile when the payload does not fit the contract', () => {
    // @ts-expect-error month is a number
    expect(() => defineSchedule({ ...VALID, payload: { month: 'May' } })).toThrow('does not fit report');
  });
});

test('fires of so many seconds are multiples of them, whatever the moment', () => {
  const timing = { everySeconds: 90, timeZone: 'UTC' };

  expect(nextFire(timing, new Date('1970-01-01T00:01:29.999Z'))).toEqual(new Date('1970-01-01T00:01:30Z'));
  expect(nextFires(timing, new Date('1970-01-01T00:01:30Z'), 2)).toEqual([
    new Date('1970-01-01T00:03:00Z'),
    new Date('1970-01-01T00:04:30Z'),
  ]);
  expect(nextFire({ everySeconds: 1.5, timeZone: 'UTC' }, new Date(0))).toEqual(new Date(1500));
});

test('the shipped schedules are of shipped tasks, and their keys differ', () => {
  const names: string[] = catalog.map(({ name }) => name);

  expect(schedules.filter(({ task }) => !names.includes(task))).toEqual([]);
  expect(new Set(schedules.map(({ key }) => key)).size).toBe(schedules.length);
  expect(schedules).toMatchObject([
    { key: 'cleanup-old-files', cron: '0 2 * * *', timeZone: 'UTC' },
    { key: 'prune-task-history', cron: '@hourly' },
  ]);
});
