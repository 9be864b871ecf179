import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCron } from '../../src/core/cron.ts';
import { nextCronTime } from '../../src/core/cron-times.ts';

/** The times in UTC between two, as `MM-DD HH:mm`. */
function between(text: string, timeZone: string, from: string, until: string): string[] {
  const cron = parseCron(text);
  const found: string[] = [];
  let at = nextCronTime(cron, timeZone, Date.parse(from) - 1);
  while (at !== undefined && at < Date.parse(until)) {
    found.push(new Date(at).toISOString().slice(5, 16).replace('T', ' '));
    at = nextCronTime(cron, timeZone, at);
  }
  return found;
}

/** Berlin goes from 02:00 to 03:00 at 01:00 UTC. */
const BERLIN_SPRING = ['2026-03-28T22:00:00Z', '2026-03-29T22:00:00Z'] as const;
/** Berlin goes from 03:00 back to 02:00 at 01:00 UTC. */
const BERLIN_AUTUMN = ['2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'] as const;
/** New York goes from 02:00 to 03:00 at 07:00 UTC. */
const NEW_YORK_SPRING = ['2026-03-08T05:00:00Z', '2026-03-09T04:00:00Z'] as const;
/** New York goes from 02:00 back to 01:00 at 06:00 UTC. */
const NEW_YORK_AUTUMN = ['2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z'] as const;

describe('in spring, certain hours', () => {
  test('that are skipped come once, at the moment after the gap', () => {
    expect(between('30 2 * * *', 'Europe/Berlin', ...BERLIN_SPRING)).toEqual(['03-29 01:00']);
    expect(between('30 2 * * *', 'America/New_York', ...NEW_YORK_SPRING)).toEqual(['03-08 07:00']);
    expect(between('0 2 * * *', 'Europe/Berlin', ...BERLIN_SPRING)).toEqual(['03-29 01:00']);
    expect(between('*/15 2 * * *', 'Europe/Berlin', ...BERLIN_SPRING)).toEqual(['03-29 01:00']);
  });

  test('that come together with one after the gap are one with it', () => {
    expect(between('0 1-4 * * *', 'Europe/Berlin', ...BERLIN_SPRING)).toEqual([
      '03-29 00:00',
      '03-29 01:00',
      '03-29 02:00',
    ]);
  });

  test('that are not skipped come as ever', () => {
    expect(between('30 1,3 * * *', 'Europe/Berlin', ...BERLIN_SPRING)).toEqual(['03-29 00:30', '03-29 01:30']);
  });

  test('come on the days before and after at their local time', () => {
    const days = between('30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', '2026-03-31T00:00:00Z');

    expect(days).toEqual(['03-28 01:30', '03-29 01:00', '03-30 00:30']);
  });
});

describe('in autumn, certain hours', () => {
  test('that come twice come the first time', () => {
    expect(between('30 2 * * *', 'Europe/Berlin', ...BERLIN_AUTUMN)).toEqual(['10-25 00:30']);
    expect(between('30 1 * * *', 'America/New_York', ...NEW_YORK_AUTUMN)).toEqual(['11-01 05:30']);
    expect(between('*/20 2 * * *', 'Europe/Berlin', ...BERLIN_AUTUMN)).toEqual([
      '10-25 00:00',
      '10-25 00:20',
      '10-25 00:40',
    ]);
  });

  test('around them come once each', () => {
    expect(between('0 1-4 * * *', 'Europe/Berlin', ...BERLIN_AUTUMN)).toEqual([
      '10-24 23:00',
      '10-25 00:00',
      '10-25 02:00',
      '10-25 03:00',
    ]);
  });
});

describe('an interval', () => {
  const everyHalfHour = (from: string, until: string) => {
    const times: string[] = [];
    for (let at = Date.parse(from); at < Date.parse(until); at += 30 * 60_000) {
      times.push(new Date(at).toISOString().slice(5, 16).replace('T', ' '));
    }
    return times;
  };

  test.each([
    ['Europe/Berlin', BERLIN_SPRING],
    ['Europe/Berlin', BERLIN_AUTUMN],
    ['America/New_York', NEW_YORK_SPRING],
    ['America/New_York', NEW_YORK_AUTUMN],
  ] as const)('goes on through a change of %s', (timeZone, [from, until]) => {
    expect(between('*/30 * * * *', timeZone, from, until)).toEqual(everyHalfHour(from, until));
  });

  test('that is skipped in a gap does not come after it in addition', () => {
    expect(between('30 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', '2026-03-29T03:00:00Z')).toEqual([
      '03-29 00:30',
      '03-29 01:30',
      '03-29 02:30',
    ]);
  });

  test('of a day on which clocks change keeps to that day', () => {
    const times = between('0 * 25 10 *', 'Europe/Berlin', '2026-01-01T00:00:00Z', '2026-12-31T00:00:00Z');

    expect([times.length, times[0], times.at(-1)]).toEqual([25, '10-24 22:00', '10-25 22:00']);
  });
});

describe('where clocks change by other than an hour', () => {
  test('half an hour, as on Lord Howe', () => {
    const spring = between('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', '2026-10-05T00:00:00Z');
    const autumn = between('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00:00Z', '2026-04-06T00:00:00Z');

    expect(spring).toEqual(['10-03 15:30', '10-04 15:15']);
    expect(autumn).toEqual(['04-04 14:45', '04-05 15:15']);
  });

  test('a day, as on Samoa in 2011', () => {
    const times = between('0 12 * * *', 'Pacific/Apia', '2011-12-29T00:00:00Z', '2011-12-31T00:00:00Z');

    expect(times).toEqual(['12-29 22:00', '12-30 10:00', '12-30 22:00']);
  });

  test('midnight is skipped, as in Santiago', () => {
    const times = between('0 0 * * *', 'America/Santiago', '2026-09-05T00:00:00Z', '2026-09-08T00:00:00Z');

    expect(times).toEqual(['09-05 04:00', '09-06 04:00', '09-07 03:00']);
  });
});

test('in every zone a daily time comes once a local day, in order, and asking again from anywhere finds the same', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago', 'Africa/Cairo', 'UTC'];
  const time = fc.record({ hour: fc.integer({ min: 0, max: 23 }), minute: fc.integer({ min: 0, max: 59 }) });

  fc.assert(
    fc.property(fc.constantFrom(...zones), time, fc.double({ min: 0, max: 1, noNaN: true }), (timeZone, at, part) => {
      const { hour, minute } = at;
      const cron = parseCron(`${minute} ${hour} * * *`);
      const found: number[] = [];
      for (let from = Date.UTC(2026, 0, 1, 12); found.length < 366;) found.push((from = next(cron, timeZone, from)));

      const gaps = found.slice(1).map((moment, index) => moment - (found[index] ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(23 * 3_600_000);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(25 * 3_600_000);
      const index = Math.floor(part * 364);
      const [one = 0, other = 0] = found.slice(index, index + 2);
      expect(next(cron, timeZone, Math.floor(one + (other - one) * part * 0.999))).toBe(other);
    }),
    { numRuns: 60 },
  );
});

function next(...args: Parameters<typeof nextCronTime>): number {
  const found = nextCronTime(...args);
  if (found === undefined) throw new Error('expected a time, got none');
  return found;
}
