import { expect } from 'vitest';
import { FailPermanently } from '../../../src/core/errors.ts';
import { toFailure } from '../../../src/core/failure.ts';
import { decideRetry } from '../../../src/core/retry-policy.ts';
import { ExchangeRate, ExchangeRateSheet } from '../../../src/db/entities/exchange-rate.ts';
import { syncExchangeRates as contract } from '../../../src/tasks/sync.ts';
import { syncExchangeRates } from '../../../worker/handlers/sync.ts';
import { rejection, type Shop, test } from './shop.ts';

async function sync({ openAttempt }: Shop, base = 'EUR') {
  return syncExchangeRates({ base }, await openAttempt());
}

/** The stored rates of a base, by currency. */
async function storedRates({ orm }: Shop, base: string): Promise<Record<string, number>> {
  const rates = await orm.em.fork().find(ExchangeRate, { base }, { orderBy: { currency: 'asc' } });
  return Object.fromEntries(rates.map(({ currency, rate }) => [currency, rate]));
}

function isRetried(thrown: unknown): boolean {
  const { retry: policy, attempts } = contract;
  const failure = toFailure(thrown);
  return decideRetry({ policy, failure, failures: 1, maxAttempts: attempts, attemptsAsked: false, random: 0 }).retry;
}

function answer(rates: Record<string, unknown>, base = 'EUR') {
  return { status: 200, body: JSON.stringify({ base, rates }) };
}

test('the rates of a base are stored', async ({ shop }) => {
  const result = await sync(shop);

  expect(result).toEqual({ base: 'EUR', rates: 6, updated: 6, notModified: false });
  expect(await storedRates(shop, 'EUR')).toEqual({
    CHF: 0.9634,
    GBP: 0.8571,
    JPY: 161.35,
    PLN: 4.2875,
    SEK: 11.402,
    USD: 1.0842,
  });
});

test('rates that have not changed are not sent again', async ({ shop }) => {
  await sync(shop);
  const before = await shop.orm.em.fork().find(ExchangeRate, {});

  const again = await sync(shop);

  expect(again).toEqual({ base: 'EUR', rates: 6, updated: 0, notModified: true });
  expect(shop.sandbox.rateAnswers).toEqual([200, 304]);
  expect(await shop.orm.em.fork().find(ExchangeRate, {})).toEqual(before);
});

test('each base has its own ETag', async ({ shop }) => {
  await sync(shop, 'EUR');

  expect(await sync(shop, 'USD')).toMatchObject({ base: 'USD', updated: 6, notModified: false });
  expect(await sync(shop, 'EUR')).toMatchObject({ notModified: true });
});

test('only what has changed is updated, what is gone goes, and an answer without an ETag is asked for again', async ({
  shop,
}) => {
  const first = answer({ USD: 1.1, GBP: 0.9, CHF: 1 });
  const second = answer({ USD: 1.1, GBP: 0.91, JPY: 0.0000123 });
  shop.sandbox.behave({ rates: [first, second] });

  await sync(shop);
  const result = await sync(shop);

  expect(result).toEqual({ base: 'EUR', rates: 3, updated: 2, notModified: false });
  expect(await storedRates(shop, 'EUR')).toEqual({ USD: 1.1, GBP: 0.91, JPY: 0.0000123 });
  expect(await shop.orm.em.fork().findOneOrFail(ExchangeRateSheet, { base: 'EUR' })).toMatchObject({ etag: null });
});

test('tasks for the same base at the same time leave one whole sheet', async ({ shop }) => {
  const sheets = Array.from({ length: 6 }, (_, at) => ({ USD: at + 1, GBP: at + 1, CHF: at + 1 }));
  shop.sandbox.behave({ rates: sheets.map((rates) => answer(rates)) });

  await Promise.all(sheets.map(() => sync(shop)));

  expect(sheets).toContainEqual(await storedRates(shop, 'EUR'));
});

test.for([
  ['no JSON', { status: 200, body: '<html>' }],
  ['nothing', { status: 200, body: '' }],
  ['no rates', answer({})],
  ['no object', { status: 200, body: '[]' }],
  ['a rate that is text', answer({ USD: '1.1' })],
  ['a rate of zero', answer({ USD: 0 })],
  ['a rate below zero', answer({ USD: -1 })],
  ['a rate beyond reason', answer({ USD: 1e300 })],
  ['a currency that is none', answer({ DOLLAR: 1.1 })],
  ['another base', answer({ USD: 1.1 }, 'GBP')],
  ['304 although nothing is known', { status: 304, body: '' }],
] as const)('an answer with %s is RATES_INVALID and changes nothing', async ([, told], { shop }) => {
  shop.sandbox.behave({ rates: [told] });

  const error = await rejection(sync(shop));

  expect(error).toMatchObject({
    code: 'RATES_INVALID',
    message: expect.stringMatching(/^expected the exchange rate service to answer with the rates of EUR, but: ./),
  });
  expect(isRetried(error)).toBe(false);
  expect(await storedRates(shop, 'EUR')).toEqual({});
});

test.for([
  ['hang', 'TIMEOUT'],
  ['reset', 'CONNECTION'],
  [{ status: 500 }, 'GATEWAY_ERROR'],
  [{ status: 429, retryAfter: '3' }, 'RATE_LIMITED'],
] as const)('an answer of %j is %s and tried again', async ([told, code], { shop }) => {
  shop.sandbox.behave({ rates: [told] });

  const error = await rejection(sync(shop));

  expect(error).toMatchObject({ code });
  expect(isRetried(error)).toBe(true);
});

test('a base that the service does not know is not tried again', async ({ shop }) => {
  const error = await rejection(sync(shop, 'XXX'));

  expect(error).toMatchObject({ code: 'GATEWAY_REFUSED', status: 404 });
  expect(isRetried(error)).toBe(false);
});

test('without a service the task fails for good', async ({ shop }) => {
  const context = await shop.openAttempt({ gateways: { exchangeRatesUrl: undefined } });

  const error = await rejection(syncExchangeRates({ base: 'EUR' }, context));

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({
    code: 'GATEWAY_NOT_CONFIGURED',
    message: 'expected EXCHANGE_RATES_URL to be set for the worker, got: nothing',
  });
});

test.for(['eur', 'EURO', '€', 'E1R', ''])('%j is no base', (base) => {
  expect(contract.input.safeParse({ base }).success).toBe(false);
});
