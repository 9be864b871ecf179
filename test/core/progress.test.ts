import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deriveProgress } from '../../src/core/progress.ts';

const START_MS = Date.UTC(2026, 10, 22);
const origin = { current: 0, atMs: START_MS };

test('the first report has neither rate nor remaining time', () => {
  expect(deriveProgress({ current: 5, total: 20 }, { current: 5, atMs: START_MS }, START_MS)).toEqual({
    current: 5,
    total: 20,
    percent: 25,
    message: null,
    ratePerSecond: null,
    etaSeconds: null,
    at: '2026-11-22T00:00:00.000Z',
  });
});

test('a later report has the rate since the first one, and the time that the rest takes at that rate', () => {
  const from = { current: 100, atMs: START_MS };

  const progress = deriveProgress({ current: 300, total: 1000, message: 'rows' }, from, START_MS + 4000);

  expect(progress).toEqual({
    current: 300,
    total: 1000,
    percent: 30,
    message: 'rows',
    ratePerSecond: 50, // (300 − 100) / 4 s
    etaSeconds: 14, // (1000 − 300) / 50
    at: '2026-11-22T00:00:04.000Z',
  });
});

describe('what cannot be known is null', () => {
  test('without a total: percent and remaining time', () => {
    expect(deriveProgress({ current: 7 }, origin, START_MS + 1000)).toMatchObject({
      total: null,
      percent: null,
      ratePerSecond: 7,
      etaSeconds: null,
    });
  });

  test('without gain: the rate', () => {
    expect(deriveProgress({ current: 0, total: 9 }, origin, START_MS + 1000)).toMatchObject({
      ratePerSecond: null,
      etaSeconds: null,
    });
  });

  test('when the clock was set back: the rate', () => {
    expect(deriveProgress({ current: 3, total: 9 }, origin, START_MS - 1000)).toMatchObject({
      ratePerSecond: null,
      etaSeconds: null,
    });
  });
});

test('more than the total is 100 percent with nothing left', () => {
  expect(deriveProgress({ current: 30, total: 20 }, origin, START_MS + 1000)).toMatchObject({
    percent: 100,
    etaSeconds: 0,
  });
});

test('of nothing all is done', () => {
  expect(deriveProgress({ current: 0, total: 0 }, origin, START_MS)).toMatchObject({ percent: 100 });
});

test('whatever is reported, the numbers are in their ranges', () => {
  const number = fc.maxSafeInteger();
  fc.assert(
    fc.property(number, number, number, fc.integer({ min: -10_000, max: 1e9 }), (current, total, first, elapsedMs) => {
      const progress = deriveProgress({ current, total }, { current: first, atMs: START_MS }, START_MS + elapsedMs);

      expect(progress.percent).toBeGreaterThanOrEqual(0);
      expect(progress.percent).toBeLessThanOrEqual(100);
      expect(progress.ratePerSecond ?? 1).toBeGreaterThan(0);
      expect(progress.etaSeconds ?? 0).toBeGreaterThanOrEqual(0);
    }),
  );
});
