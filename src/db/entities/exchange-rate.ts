import { defineEntity, p } from '@mikro-orm/core';

/** What one unit of a currency costs in another one. */
export const ExchangeRate = defineEntity({
  name: 'ExchangeRate',
  tableName: 'exchange_rate',
  properties: {
    base: p.text().primary(),
    currency: p.text().primary(),
    rate: p.decimal('number'),
    /** When the rate last changed; the sheet of its base tells when it was last looked at. */
    updatedAt: p.datetime(3),
  },
});

/** All rates of a base as the service last gave them. */
export const ExchangeRateSheet = defineEntity({
  name: 'ExchangeRateSheet',
  tableName: 'exchange_rate_sheet',
  properties: {
    base: p.text().primary(),
    /** Of the service's answer; null when it had none. */
    etag: p.text().nullable(),
    fetchedAt: p.datetime(3),
  },
});
