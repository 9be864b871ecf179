import { expect } from 'vitest';
import { FailPermanently, TaskCancelled } from '../../../src/core/errors.ts';
import { toFailure } from '../../../src/core/failure.ts';
import { decideRetry } from '../../../src/core/retry-policy.ts';
import { processPayment as contract } from '../../../src/tasks/order.ts';
import { parseRetryAfter } from '../../../worker/http-call.ts';
import { processPayment } from '../../../worker/handlers/payment.ts';
import { rejection, test } from './shop.ts';

/** What the contract's policy makes of an error after so many failed attempts, at the lower or the upper end of jitter. */
function decisionAfter(thrown: unknown, failures: number, random = 0) {
  return decideRetry({
    policy: contract.retry,
    failure: toFailure(thrown),
    failures,
    maxAttempts: contract.attempts,
    attemptsAsked: false,
    random,
  });
}

test('an order is charged with the id of the task as its key, and is paid', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const context = await shop.openAttempt();

  const result = await processPayment({ orderId: id }, context);

  const [charge] = shop.sandbox.charges.values();
  expect(charge).toMatchObject({
    key: context.taskId,
    reference: `order-${id}`,
    amountCents: 1999,
    currency: 'EUR',
  });
  expect(result).toEqual({ orderId: id, paymentId: charge?.paymentId, status: 'paid' });
  expect(await shop.order(id)).toMatchObject({ state: 'PAID', paymentId: charge?.paymentId });
});

test('a charge that was made is not asked for again when the attempt failed after it', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const context = await shop.openAttempt();
  const failing = {
    ...context,
    step: (...[key, run]: Parameters<typeof context.step>) =>
      key === 'mark-paid' ? Promise.reject(new Error('the worker was lost')) : context.step(key, run),
  } as typeof context;

  await expect(processPayment({ orderId: id }, failing)).rejects.toThrow('the worker was lost');
  const before = await shop.order(id);
  const result = await processPayment({ orderId: id }, context);

  expect(before).toMatchObject({ state: 'PENDING', paymentId: null });
  expect(shop.sandbox.paymentRequests).toEqual([context.taskId]);
  expect(await shop.order(id)).toMatchObject({ state: 'PAID', paymentId: result.paymentId });
});

test('an answer that was lost after the charge leads to the same payment', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const context = await shop.openAttempt();
  shop.sandbox.behave({ payments: ['reset', 'hang'] });

  const lost = await rejection(processPayment({ orderId: id }, context));
  const late = await rejection(processPayment({ orderId: id }, context));
  const result = await processPayment({ orderId: id }, context);

  expect(lost).toMatchObject({
    code: 'CONNECTION',
    message: expect.stringMatching(/^could not reach the payment gateway: /),
  });
  expect(late).toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringMatching(/^the payment gateway did not answer in time: /),
  });
  expect(shop.sandbox.paymentRequests).toEqual(Array(3).fill(context.taskId));
  expect([...shop.sandbox.charges.values()].map(({ paymentId }) => paymentId)).toEqual([result.paymentId]);
});

test('two tasks for an order charge it once', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const contexts = await Promise.all([shop.openAttempt(), shop.openAttempt()]);
  shop.sandbox.behave({ payments: ['reset'] });

  await Promise.allSettled(contexts.map((context) => processPayment({ orderId: id }, context)));
  const results = await Promise.all(contexts.map((context) => processPayment({ orderId: id }, context)));
  const third = await processPayment({ orderId: id }, await shop.openAttempt());

  expect(shop.sandbox.charges.size).toBe(1);
  expect(new Set([...results, third].map(({ paymentId }) => paymentId)).size).toBe(1);
});

test('an order that was processed on account is paid and stays COMPLETED', async ({ shop }) => {
  const { id } = await shop.createOrder({ state: 'COMPLETED' });

  const { paymentId } = await processPayment({ orderId: id }, await shop.openAttempt());

  expect(await shop.order(id)).toMatchObject({ state: 'COMPLETED', paymentId });
});

test('a declined card fails the task for good and the order until another payment succeeds', async ({ shop }) => {
  const { id } = await shop.createOrder();
  shop.sandbox.behave({ payments: ['decline'] });

  const error = await rejection(processPayment({ orderId: id }, await shop.openAttempt()));
  const declined = await shop.order(id);
  const again = await shop.openAttempt();
  await processPayment({ orderId: id }, again);

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({
    code: 'CARD_DECLINED',
    message: expect.stringContaining('the payment gateway answered 402: {"error":"insufficient funds"}'),
  });
  expect(decisionAfter(error, 1)).toEqual({ retry: false });
  expect(declined).toMatchObject({ state: 'FAILED', paymentId: null, paymentKey: null });
  expect([...shop.sandbox.charges.keys()]).toEqual([again.taskId]);
  expect(await shop.order(id)).toMatchObject({ state: 'PAID' });
});

test('a gateway that is down is tried again after one, two and four minutes, half of them random', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const context = await shop.openAttempt();
  await shop.sandbox.stop();

  const error = await rejection(processPayment({ orderId: id }, context));

  expect(error).toMatchObject({ code: 'CONNECTION', message: expect.stringContaining('ECONNREFUSED') });
  expect([1, 2, 3].map((failures) => decisionAfter(error, failures, 0))).toEqual(
    [30_000, 60_000, 120_000].map((delayMs) => ({ retry: true, delayMs })),
  );
  expect(decisionAfter(error, 3, 1)).toEqual({ retry: true, delayMs: 240_000 });
  expect(decisionAfter(error, 4)).toEqual({ retry: false });
});

test.for([500, 502, 503, 504, 408])('an answer of %d is a GATEWAY_ERROR and tried again', async (status, { shop }) => {
  const { id } = await shop.createOrder();
  shop.sandbox.behave({ payments: [{ status }] });

  const error = await rejection(processPayment({ orderId: id }, await shop.openAttempt()));

  expect(error).toMatchObject({ code: 'GATEWAY_ERROR', status });
  expect(decisionAfter(error, 1)).toEqual({ retry: true, delayMs: 30_000 });
  expect(await shop.order(id)).toMatchObject({ state: 'PENDING' });
});

test('a gateway that says when to come back is asked again then', async ({ shop }) => {
  const { id } = await shop.createOrder();
  shop.sandbox.behave({ payments: [{ status: 429, retryAfter: '7' }, { status: 429 }] });
  const context = await shop.openAttempt();

  const told = await rejection(processPayment({ orderId: id }, context));
  const untold = await rejection(processPayment({ orderId: id }, context));

  expect(told).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 7000 });
  expect(decisionAfter(told, 1)).toEqual({ retry: true, delayMs: 7000 });
  expect(decisionAfter(untold, 2)).toEqual({ retry: true, delayMs: 60_000 });
});

test.for([400, 401, 404, 422, 301])('an answer of %d is not tried again', async (status, { shop }) => {
  const { id } = await shop.createOrder();
  shop.sandbox.behave({ payments: [{ status }] });

  const error = await rejection(processPayment({ orderId: id }, await shop.openAttempt()));

  expect(error).toMatchObject({ code: 'GATEWAY_REFUSED', status });
  expect(decisionAfter(error, 1)).toEqual({ retry: false });
});

test.for(['', 'paid!', '{}', '{"paymentId":7}', '[]'])('an answer of %j is asked for again', async (body, { shop }) => {
  const { id } = await shop.createOrder();
  shop.sandbox.behave({ payments: [{ status: 200, body }] });

  const error = await rejection(processPayment({ orderId: id }, await shop.openAttempt()));

  expect(error).toMatchObject({
    code: 'GATEWAY_ERROR',
    message: `expected the payment gateway to answer with a paymentId, got: ${body}`,
  });
  expect(await shop.order(id)).toMatchObject({ state: 'PENDING', paymentId: null });
});

test('an endless answer is cut off', async ({ shop }) => {
  const { id } = await shop.createOrder();
  shop.sandbox.behave({ payments: [{ status: 200, body: 'x'.repeat(2 ** 20 + 1) }] });

  const error = await rejection(
    processPayment({ orderId: id }, await shop.openAttempt({ gateways: { timeoutMs: 5000 } })),
  );

  expect(error).toMatchObject({
    code: 'ANSWER_TOO_LARGE',
    message: 'the payment gateway answered with more than 1048576 bytes',
  });
});

test('a cancelled task gives a silent gateway up and says why', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const controller = new AbortController();
  const reason = new TaskCancelled('no longer wanted');
  shop.sandbox.behave({ payments: ['hang'] });
  const context = await shop.openAttempt({ signal: controller.signal, gateways: { timeoutMs: 30_000 } });

  const running = rejection(processPayment({ orderId: id }, context));
  while (shop.sandbox.charges.size === 0) await new Promise(setImmediate);
  controller.abort(reason);

  expect(await running).toBe(reason);
});

test('an order that does not exist fails the task for good, and nothing is charged', async ({ shop }) => {
  const error = await rejection(processPayment({ orderId: 4711 }, await shop.openAttempt()));

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'ORDER_NOT_FOUND' });
  expect(shop.sandbox.paymentRequests).toEqual([]);
});

test('without a gateway the task fails for good', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const context = await shop.openAttempt({ gateways: { paymentUrl: undefined } });

  const error = await rejection(processPayment({ orderId: id }, context));

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({
    code: 'GATEWAY_NOT_CONFIGURED',
    message: 'expected PAYMENT_GATEWAY_URL to be set for the worker, got: nothing',
  });
});

test('a user and a password in the URL of the gateway are not part of a message', async ({ shop }) => {
  const { id } = await shop.createOrder();
  const paymentUrl = shop.sandbox.paymentUrl.replace('//', '//ada:geheim@');

  await processPayment({ orderId: id }, await shop.openAttempt({ gateways: { paymentUrl } }));
  const { id: other } = await shop.createOrder();
  await shop.sandbox.stop();
  const error = await rejection(
    processPayment({ orderId: other }, await shop.openAttempt({ gateways: { paymentUrl } })),
  );

  expect(error).toMatchObject({ code: 'CONNECTION', message: expect.not.stringContaining('geheim') });
});

test('Retry-After is read as seconds and as a date, and never as more than a day', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');

  expect(parseRetryAfter('120', now)).toBe(120_000);
  expect(parseRetryAfter('0', now)).toBe(0);
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
  expect(parseRetryAfter('99999999999', now)).toBe(24 * 3_600_000);
  expect(parseRetryAfter('soon', now)).toBeNull();
  expect(parseRetryAfter('', now)).toBeNull();
  expect(parseRetryAfter(null, now)).toBeNull();
});
