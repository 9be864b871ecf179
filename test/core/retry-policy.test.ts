import fc from 'fast-check';
import { expect, test } from 'vitest';
import { freePort } from '../../src/dev/free-port.ts';
import { FailPermanently, RetryIn, TaskwireError } from '../../src/core/errors.ts';
import { ReportedFailure, toFailure } from '../../src/core/failure.ts';
import {
  backoffMs,
  DEFAULT_BACKOFF,
  DEFAULT_RETRY_POLICY,
  decideRetry,
  type RetryPolicy,
} from '../../src/core/retry-policy.ts';

class GatewayError extends TaskwireError {}
class BusyGateway extends GatewayError {
  readonly retryAfterMs = 7000;
}

function decide(policy: RetryPolicy, thrown: unknown, failures = 1, asked?: number) {
  const attempts = { maxAttempts: asked ?? 3, attemptsAsked: asked !== undefined };
  return decideRetry({ policy, failure: toFailure(thrown), failures, ...attempts, random: 1 });
}

test('by default every failure is tried again until the attempts are used up', () => {
  const thrown = new Error('anything');

  expect(decide(DEFAULT_RETRY_POLICY, thrown, 1)).toEqual({ retry: true, delayMs: 1000 });
  expect(decide(DEFAULT_RETRY_POLICY, thrown, 2)).toEqual({ retry: true, delayMs: 2000 });
  expect(decide(DEFAULT_RETRY_POLICY, thrown, 3)).toEqual({ retry: false });
});

test('the first rule that fits by code or class counts; a failure that fits none is not tried again', () => {
  const policy: RetryPolicy = [
    { on: ['CARD_DECLINED'], fail: true },
    { on: [BusyGateway], backoff: { kind: 'fixed', delaySeconds: 9 } },
    { on: ['CONNECTION', GatewayError], maxAttempts: 2, backoff: { kind: 'fixed', delaySeconds: 3 } },
  ];

  expect(decide(policy, new TaskwireError('CARD_DECLINED', ''))).toEqual({ retry: false });
  expect(decide(policy, new BusyGateway('BUSY', ''))).toEqual({ retry: true, delayMs: 9000 });
  expect(decide(policy, new GatewayError('BAD', ''))).toEqual({ retry: true, delayMs: 3000 });
  expect(decide(policy, new GatewayError('BAD', ''), 2)).toEqual({ retry: false });
  expect(decide(policy, new Error('something else'))).toEqual({ retry: false });
});

test('the caller may raise and lower the attempts of every rule', () => {
  const policy: RetryPolicy = [{ on: '*', maxAttempts: 2 }];

  expect(decide(policy, new Error(''), 2, 5).retry).toBe(true);
  expect(decide(policy, new Error(''), 1, 1).retry).toBe(false);
});

test('a caller who asks for just what the contract has gets it, whatever a rule says', () => {
  const policy: RetryPolicy = [{ on: '*', maxAttempts: 8 }];

  expect(decide(policy, new Error(''), 3).retry).toBe(true);
  expect(decide(policy, new Error(''), 3, 3).retry).toBe(false);
});

test('what the handler says comes before the rules, and what the error carries where a rule asks for it', () => {
  const carried: RetryPolicy = [
    { on: '*', backoff: { kind: 'carried', otherwise: { kind: 'fixed', delaySeconds: 1 } } },
  ];

  expect(decide(DEFAULT_RETRY_POLICY, new FailPermanently('NEVER', ''))).toEqual({ retry: false });
  expect(decide(DEFAULT_RETRY_POLICY, new RetryIn(123))).toEqual({ retry: true, delayMs: 123 });
  expect(decide(carried, new BusyGateway('BUSY', ''))).toEqual({ retry: true, delayMs: 7000 });
  expect(decide(carried, new Error(''))).toEqual({ retry: true, delayMs: 1000 });
});

test('whatever an error carries, the next attempt is at most a year away', () => {
  const carried: RetryPolicy = [
    { on: '*', backoff: { kind: 'carried', otherwise: { kind: 'fixed', delaySeconds: 1 } } },
  ];

  for (const retryAfterMs of [1e18, Number.POSITIVE_INFINITY]) {
    const thrown = Object.assign(new Error('busy'), { retryAfterMs });
    expect(decide(carried, thrown)).toEqual({ retry: true, delayMs: 366 * 24 * 3_600_000 });
  }
  for (const retryAfterMs of [-1, Number.NaN, '7']) {
    expect(decide(carried, Object.assign(new Error('busy'), { retryAfterMs }))).toEqual({ retry: true, delayMs: 1000 });
  }
});

test('a failure is the same on both sides of a process', () => {
  const policy: RetryPolicy = [
    { on: [GatewayError], backoff: { kind: 'carried', otherwise: { kind: 'fixed', delaySeconds: 1 } } },
  ];
  const crossed = new ReportedFailure(JSON.parse(JSON.stringify(toFailure(new BusyGateway('BUSY', 'later')))));

  expect(decide(policy, crossed)).toEqual({ retry: true, delayMs: 7000 });
  expect(toFailure(crossed)).toMatchObject({ code: 'BUSY', message: 'later', permanent: false });
});

test('network errors of Node and of fetch are CONNECTION and TIMEOUT', async () => {
  const nodeError = (code: string) => Object.assign(new Error(code), { code });
  const refused = await fetch(`http://127.0.0.1:${await freePort()}`).catch((error: unknown) => error);

  expect(toFailure(refused)).toMatchObject({ code: 'CONNECTION', message: expect.stringContaining('fetch failed: ') });
  expect(toFailure(nodeError('ECONNRESET')).code).toBe('CONNECTION');
  expect(toFailure(nodeError('ETIMEDOUT')).code).toBe('TIMEOUT');
  expect(toFailure(new AggregateError([nodeError('ECONNREFUSED')])).code).toBe('CONNECTION');
  expect(toFailure(AbortSignal.abort(new DOMException('too long', 'TimeoutError')).reason).code).toBe('TIMEOUT');
  expect(toFailure(new TypeError('x is not a function')).code).toBe('UNKNOWN_ERROR');
  expect(toFailure(new BusyGateway('BUSY', '')).classes).toEqual([
    'BusyGateway',
    'GatewayError',
    'TaskwireError',
    'Error',
  ]);
  expect(toFailure('a text')).toMatchObject({ code: 'UNKNOWN_ERROR', message: 'a text', classes: [] });
});

test('an exponential delay grows up to its ceiling, and half of it at most is random', () => {
  const failure = toFailure(new Error(''));
  const property = fc.property(
    fc.integer({ min: 1, max: 50 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    (failures, random) => {
      const ceiling = Math.min(300_000, 1000 * 2 ** (failures - 1));
      const delay = backoffMs(DEFAULT_BACKOFF, failures, failure, random);
      expect(delay).toBeGreaterThanOrEqual(ceiling / 2 - 1);
      expect(delay).toBeLessThanOrEqual(ceiling);
    },
  );

  fc.assert(property);
  const plain = { kind: 'exponential', firstSeconds: 60, factor: 3, maxSeconds: 500, jitter: false } as const;
  expect([1, 2, 3].map((failures) => backoffMs(plain, failures, failure, 0))).toEqual([60_000, 180_000, 500_000]);
});
