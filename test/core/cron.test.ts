import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextLocalTime, parseCron } from '../../src/core/cron.ts';

/** The next local times from 2026-01-01 on, without the `.000Z`. */
function times(text: string, count: number, from = '2026-01-01T00:00:00Z'): string[] {
  const cron = parseCron(text);
  const found: string[] = [];
  for (let at = Date.parse(from); found.length < count; at += 1000) {
    const next = nextLocalTime(cron, at);
    if (next === undefined) throw new Error(`${text} does not come`);
    found.push(new Date(next).toISOString().slice(0, 19));
    at = next;
  }
  return found;
}

function problemOf(text: string) {
  try {
    parseCron(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('an expression', () => {
  test('has five fields, or six with the second before them', () => {
    expect(times('30 2 * * *', 2)).toEqual(['2026-01-01T02:30:00', '2026-01-02T02:30:00']);
    expect(times('15 30 2 * * *', 2)).toEqual(['2026-01-01T02:30:15', '2026-01-02T02:30:15']);
    expect(times('  0   2 \t* * * ', 1)).toEqual(['2026-01-01T02:00:00']);
  });

  test('has lists, ranges and steps', () => {
    expect(times('0,20-22,50/5 3 * * *', 6).map((time) => time.slice(14, 16))).toEqual([
      '00',
      '20',
      '21',
      '22',
      '50',
      '55',
    ]);
    expect(times('*/25 0-4/2 * * *', 7).map((time) => time.slice(11, 16))).toEqual([
      '00:00',
      '00:25',
      '00:50',
      '02:00',
      '02:25',
      '02:50',
      '04:00',
    ]);
  });

  test('has names of months and weekdays in any case, also in ranges, and two Sundays', () => {
    expect(times('0 0 1 feb,NOV-Dec *', 3)).toEqual([
      '2026-02-01T00:00:00',
      '2026-11-01T00:00:00',
      '2026-12-01T00:00:00',
    ]);
    const friday = ['2026-01-02', '2026-01-03', '2026-01-04', '2026-01-09'];
    for (const days of ['FRI-SUN', '5-7', '5,6,0', 'fri-sat,7']) {
      expect(times(`0 0 * * ${days}`, 4).map((time) => time.slice(0, 10))).toEqual(friday);
    }
  });

  test('may be a name for the commonest', () => {
    expect(times('@daily', 2)).toEqual(['2026-01-01T00:00:00', '2026-01-02T00:00:00']);
    expect(times('@Hourly', 2)).toEqual(['2026-01-01T00:00:00', '2026-01-01T01:00:00']);
    expect(times('@weekly', 1)).toEqual(['2026-01-04T00:00:00']);
    expect(times('@monthly', 2)[1]).toBe('2026-02-01T00:00:00');
    expect(times('@yearly', 2)[1]).toBe('2027-01-01T00:00:00');
  });

  test('may name the last day of the month, and weekdays by their place in it', () => {
    expect(times('0 0 L * *', 3)).toEqual(['2026-01-31T00:00:00', '2026-02-28T00:00:00', '2026-03-31T00:00:00']);
    expect(times('0 0 * * MON#2', 2)).toEqual(['2026-01-12T00:00:00', '2026-02-09T00:00:00']);
    expect(times('0 0 * * FRIL', 2)).toEqual(['2026-01-30T00:00:00', '2026-02-27T00:00:00']);
    expect(times('0 0 * * 5L', 1)).toEqual(['2026-01-30T00:00:00']);
  });

  test('with days of the month and of the week fits either; after * it fits both', () => {
    expect(times('0 0 13 * FRI', 4).map((time) => time.slice(5, 10))).toEqual(['01-02', '01-09', '01-13', '01-16']);
    expect(times('0 0 */13 * FRI', 2).map((time) => time.slice(5, 10))).toEqual(['02-27', '03-27']);
  });

  test('comes on 29 February', () => {
    expect(times('0 0 29 2 *', 2)).toEqual(['2028-02-29T00:00:00', '2032-02-29T00:00:00']);
  });
});

describe('a bad expression', () => {
  test.each([
    ['61 * * * *', 'the minute (field 1 of "61 * * * *") to be 0–59, * or a range', '"61"'],
    ['* 24 * * *', 'the hour (field 2 of "* 24 * * *") to be 0–23', '"24"'],
    ['0 * 24 * * *', 'the hour (field 3 of "0 * 24 * * *") to be 0–23', '"24"'],
    ['60 * * * * *', 'the second (field 1 of "60 * * * * *") to be 0–59', '"60"'],
    ['* * 0 * *', 'the day of month (field 3 of "* * 0 * *") to be 1–31', '"0"'],
    ['* * * 13 *', 'the month (field 4 of "* * * 13 *") to be 1–12 or JAN–DEC', '"13"'],
    ['* * * MON *', 'the month (field 4 of "* * * MON *")', '"MON"'],
    ['* * * * FOO', 'the day of week (field 5 of "* * * * FOO") to be 0–7 or SUN–SAT', '"FOO"'],
    ['* * * * MON#6', 'the day of week', '"MON#6"'],
    ['1,,2 * * * *', 'the minute', '""'],
    ['1,99 * * * *', 'the minute', '"99"'],
    ['5-1 * * * *', 'the minute', '"5-1"'],
    ['1-2-3 * * * *', 'the minute', '"1-2-3"'],
    ['*/0 * * * *', 'the minute (field 1 of "*/0 * * * *") to be 0–59, * or a range, with a step /1–/59', '"*/0"'],
    ['*/70 * * * *', 'the minute', '"*/70"'],
    ['*5 * * * *', 'the minute', '"*5"'],
    ['? * * * *', 'the minute', '"?"'],
    ['-1 * * * *', 'the minute', '"-1"'],
    ['* L * * *', 'the hour', '"L"'],
  ])('%s says where', (text, where, got) => {
    const problem = problemOf(text);

    expect(problem).toMatchObject({ problems: [{ code: 'CRON_INVALID', path: ['cron'] }] });
    expect(String(problem)).toContain(`expected ${where}`);
    expect(String(problem)).toMatch(new RegExp(`, got: ${got.replace(/[*?]/g, '\\$&')}$`));
  });

  test.each([
    ['* * *', 'expected a cron expression of 5 fields (minute, hour, day of month, month, day of week), or 6 with'],
    ['', 'got: 0 in ""'],
    ['0 0 1 1 * 2027 *', 'got: 7 in "0 0 1 1 * 2027 *"'],
    ['@dayly', 'expected one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, got: "@dayly"'],
    ['0 0 30 2 *', 'the day of month and the month of "0 0 30 2 *" to be a day that exists, got: none'],
    ['0 0 31 4,6 *', 'to be a day that exists'],
    [`${'1,'.repeat(300)}1 * * * *`, 'expected a cron expression of at most 500 characters, got: 609'],
  ])('%s is none', (text, message) => {
    expect(String(problemOf(text))).toContain(message);
  });
});

/** A value, a range, a step, or a list of values: the other library knows no lists that name a value twice. */
const field = (min: number, max: number) =>
  fc.oneof(
    fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    fc.integer({ min: 1, max }).map((step) => `*/${step}`),
    fc.tuple(fc.integer({ min, max }), fc.integer({ min: 1, max })).map(([from, step]) => `${from}-${max}/${step}`),
    values(min, max),
  );
const values = (min: number, max: number) =>
  fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 3 }).map((all) => all.join(','));
const starOr = (given: fc.Arbitrary<string>) => fc.oneof(fc.constant('*'), given);
/** Not both by `*` with a step and otherwise: libraries differ in what that means. */
const days = fc.oneof(
  fc.tuple(field(1, 31), fc.constant('*')),
  fc.tuple(fc.constant('*'), field(0, 6)),
  fc.tuple(values(1, 31), values(0, 6)),
);

test('comes when another library says so', () => {
  const expression = fc
    .tuple(field(0, 59), starOr(field(0, 59)), starOr(field(0, 23)), days, starOr(values(1, 12)))
    .map(([second, minute, hour, [day, weekday], month]) => [second, minute, hour, day, month, weekday].join(' '))
    .filter((text) => !problemOf(text));
  const moment = fc.integer({ min: Date.UTC(2020, 0) / 1000, max: Date.UTC(2030, 0) / 1000 });

  fc.assert(
    fc.property(expression, moment, (text, seconds) => {
      const theirs = CronExpressionParser.parse(text, { tz: 'UTC', currentDate: new Date(seconds * 1000 - 1000) });
      const expected = [1, 2, 3].map(() => theirs.next().toDate().toISOString().slice(0, 19));

      expect(times(text, 3, new Date(seconds * 1000).toISOString())).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});
