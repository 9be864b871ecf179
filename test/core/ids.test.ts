import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { firstIdAt, isId, newId, timeOfId } from '../../src/core/ids.ts';

afterEach(() => void vi.useRealTimers());

/** Times after the newest that an earlier run may have used: a generator of UUIDv7 never goes back. */
const laterMs = fc.integer({ min: Date.UTC(2100, 0), max: Date.UTC(5000, 0) });

function idsMadeAt(times: readonly number[]): string[] {
  vi.useFakeTimers({ toFake: ['Date'] });
  return times.map((ms) => {
    vi.setSystemTime(ms);
    return newId();
  });
}

test('ids sort by their creation, also those of one millisecond', () => {
  const ids = Array.from({ length: 20_000 }, newId);

  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test('an id tells when it was made', () => {
  const before = Date.now();
  const id = newId();
  const after = Date.now();

  expect(timeOfId(id)).toBeGreaterThanOrEqual(before);
  expect(timeOfId(id)).toBeLessThanOrEqual(after);
});

describe('a filter by time is a range of ids', () => {
  test('an id made at a time or later is not below its first id; one made earlier is', () => {
    fc.assert(
      fc.property(fc.array(laterMs, { minLength: 1 }), laterMs, (times, boundaryMs) => {
        const sorted = times.toSorted((a, b) => a - b);
        const boundary = firstIdAt(new Date(boundaryMs));

        for (const id of idsMadeAt(sorted)) expect(id >= boundary).toBe(timeOfId(id) >= boundaryMs);
      }),
      { numRuns: 50 },
    );
  });

  test('first ids sort as their times do, and carry them', () => {
    const date = fc.date({ min: new Date(0), max: new Date(2 ** 48 - 1), noInvalidDate: true });
    fc.assert(
      fc.property(date, date, (a, b) => {
        const [first, second] = [firstIdAt(a), firstIdAt(b)];

        expect(isId(first)).toBe(true);
        expect(timeOfId(first)).toBe(a.getTime());
        expect(Math.sign(first.localeCompare(second))).toBe(Math.sign(a.getTime() - b.getTime()));
      }),
    );
  });

  test('before 1970 there are no ids, and after the 48 bits of their time neither', () => {
    expect(firstIdAt(new Date('1969-12-31T23:59:59Z'))).toBe('00000000-0000-0000-0000-000000000000');
    expect(firstIdAt(new Date(8.64e15))).toBe('ffffffff-ffff-0000-0000-000000000000');
  });
});

describe('what can be an id', () => {
  test('a new one is', () => {
    expect(isId(newId())).toBe(true);
  });

  test.for([
    '',
    'x',
    '123',
    `${newId()}0`,
    newId().slice(1),
    newId().replaceAll('-', ''),
    `{${newId()}}`,
    ` ${newId()}`,
    `${newId()}\n`,
  ])('%j is not', (text) => {
    expect(isId(text)).toBe(false);
  });

  test('one in capitals is not: everything else that knows it knows it in small letters', () => {
    expect(isId('0193B3E2-AAAA-7000-8000-00000000000F')).toBe(false);
  });
});
