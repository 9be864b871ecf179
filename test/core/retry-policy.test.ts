import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FailPermanently, RetryIn } from '../../src/core/errors.ts';
import { backoffMs, decideRetry } from '../../src/core/retry-policy.ts';

const FIRST_MS = 1000;
const MAX_MS = 5 * 60_000;

/** 0 ≤ random < 1. */
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const failures = fc.integer({ min: 1, max: 5000 });

test('a delay lies within the upper half of 1 s, 2 s, 4 s … 5 min', () => {
  fc.assert(
    fc.property(failures, random, (failed, chance) => {
      const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** (failed - 1));

      const delayMs = backoffMs(failed, chance);

      expect(Number.isInteger(delayMs)).toBe(true);
      expect(delayMs).toBeGreaterThanOrEqual(ceiling / 2);
      expect(delayMs).toBeLessThanOrEqual(ceiling);
    }),
  );
});

test('the delay grows with the failures and the chance', () => {
  fc.assert(
    fc.property(failures, random, random, (failed, a, b) => {
      expect(backoffMs(failed + 1, a)).toBeGreaterThanOrEqual(backoffMs(failed, a));
      expect(backoffMs(failed, Math.max(a, b))).toBeGreaterThanOrEqual(backoffMs(failed, Math.min(a, b)));
    }),
  );
});

test('the first delays without luck are 0.5 s, 1 s, 2 s … 2.5 min', () => {
  expect([1, 2, 3, 9, 10, 11, 1000].map((failed) => backoffMs(failed, 0))).toEqual([
    500, 1000, 2000, 128_000, 150_000, 150_000, 150_000,
  ]);
});

test('there are exactly as many attempts as are allowed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), random, (maxAttempts, chance) => {
      const decisions = Array.from({ length: maxAttempts }, (_, index) =>
        decideRetry({ thrown: new Error('down'), failures: index + 1, maxAttempts, random: chance }),
      );

      expect(decisions.filter(({ retry }) => retry)).toHaveLength(maxAttempts - 1);
      expect(decisions.at(-1)).toEqual({ retry: false });
    }),
  );
});

test('a handler that fails permanently is not tried again, whatever is left', () => {
  const thrown = new FailPermanently('USER_NOT_FOUND', 'there is no user');

  expect(decideRetry({ thrown, failures: 1, maxAttempts: 100, random: 0.5 })).toEqual({ retry: false });
});

test('a handler that asks for a delay gets that and no backoff', () => {
  const thrown = new RetryIn(12_345);

  expect(decideRetry({ thrown, failures: 9, maxAttempts: 10, random: 0.5 })).toEqual({ retry: true, delayMs: 12_345 });
});

test('asking for a delay does not buy another attempt', () => {
  expect(decideRetry({ thrown: new RetryIn(0), failures: 3, maxAttempts: 3, random: 0.5 })).toEqual({ retry: false });
});

test.for([undefined, null, 'text', 0, { code: 'NO_ERROR' }, Symbol('odd')])('%s can be thrown too', (thrown) => {
  expect(decideRetry({ thrown, failures: 1, maxAttempts: 2, random: 0 })).toEqual({ retry: true, delayMs: 500 });
});
