import { z } from 'zod';
import { TaskwireError } from '../../src/core/errors.ts';
import { poolSql, transactionSql } from '../../src/db/sql.ts';
import { findRates, storeRates } from '../../src/db/statements/store-rates.ts';
import type { syncExchangeRates as contract } from '../../src/tasks/sync.ts';
import { callService, type HttpAnswer, requireUrl } from '../http-call.ts';
import type { TaskHandler } from '../task-handler.ts';

const SERVICE = 'the exchange rate service';
const NOT_MODIFIED = 304;
/** More than any pair of currencies is apart. */
const RATE_MAX = 1e12;

const sheet = z.object({
  base: z.string(),
  rates: z
    .record(z.string().regex(/^[A-Z]{3}$/), z.number().positive().max(RATE_MAX))
    .refine((rates) => Object.keys(rates).length > 0, 'expected one rate at least'),
});

/**
 * Asks the service for what has changed since the last time (its ETag), and replaces the rates of the base in one
 * transaction: nobody sees half of them.
 *
 * Fails for good with GATEWAY_NOT_CONFIGURED. Throws RATES_INVALID for an answer that is no sheet of rates, and what
 * {@link callService} throws.
 */
export const syncExchangeRates: TaskHandler<typeof contract> = async (
  { base },
  { resources, signal, step, logger },
) => {
  const { gateways, orm } = resources;
  const url = requireUrl(gateways.exchangeRatesUrl, 'EXCHANGE_RATES_URL');
  url.searchParams.set('base', base);
  const known = await findRates(poolSql(orm), base);
  const headers = known?.etag ? { 'if-none-match': known.etag } : {};
  const answer = await callService({ service: SERVICE, url, headers, timeoutMs: gateways.timeoutMs, signal });
  if (known && answer.status === NOT_MODIFIED) return { base, rates: known.count, updated: 0, notModified: true };
  const rates = parseRates(base, answer);
  const etag = answer.headers.get('etag');
  const fetchedAt = new Date();
  const updated = await step('store', (em) => storeRates(transactionSql(em), { base, etag, fetchedAt, rates }));
  logger.info({ base, updated }, 'Exchange rates stored');
  return { base, rates: Object.keys(rates).length, updated, notModified: false };
};

function parseRates(base: string, { text }: HttpAnswer): Record<string, number> {
  const parsed = sheet.safeParse(parseJson(text));
  if (!parsed.success) throw invalid(base, z.prettifyError(parsed.error));
  if (parsed.data.base !== base) throw invalid(base, `they are for ${JSON.stringify(parsed.data.base)}`);
  return parsed.data.rates;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(0, 200);
  }
}

function invalid(base: string, problem: string): TaskwireError {
  return new TaskwireError('RATES_INVALID', `expected ${SERVICE} to answer with the rates of ${base}, but: ${problem}`);
}
