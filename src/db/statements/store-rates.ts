import { type Sql, statement } from '../sql.ts';

/** What is known of the rates of a base. */
export interface KnownRates {
  /** Of the answer that they came with; null when it had none. */
  etag: string | null;
  /** How many there are. */
  count: number;
}

const FIND_RATES = statement(`
  select s.etag, (select count(*)::int from exchange_rate r where r.base = s.base) as count
  from exchange_rate_sheet s where s.base = $1`);

/** Finds what is known of a base; undefined when nothing is. */
export async function findRates(sql: Sql, base: string): Promise<KnownRates | undefined> {
  const [known] = await sql.query<KnownRates>(FIND_RATES, [base]);
  return known;
}

/** All rates of a base, as the service gave them. */
export interface RateSheet {
  base: string;
  etag: string | null;
  fetchedAt: Date;
  /** By currency. */
  rates: Readonly<Record<string, number>>;
}

/** First of the two, so that those who store the same base wait for each other. */
const STORE_SHEET = statement(`
  insert into exchange_rate_sheet (base, etag, fetched_at) values ($1, $2, $3)
  on conflict (base) do update set etag = excluded.etag, fetched_at = excluded.fetched_at`);

const STORE_RATES = statement(`
  with given as (
    select key as currency, value::numeric as rate from jsonb_each_text($3::jsonb)
  ), gone as (
    delete from exchange_rate where base = $1 and currency not in (select currency from given)
  )
  insert into exchange_rate as r (base, currency, rate, updated_at) select $1, currency, rate, $2 from given
  on conflict (base, currency) do update set rate = excluded.rate, updated_at = excluded.updated_at
    where r.rate <> excluded.rate
  returning currency`);

/** Replaces the rates of a base, in the transaction of `sql`; answers how many are new or have changed. */
export async function storeRates(sql: Sql, { base, etag, fetchedAt, rates }: RateSheet): Promise<number> {
  await sql.query(STORE_SHEET, [base, etag, fetchedAt]);
  const changed = await sql.query(STORE_RATES, [base, fetchedAt, JSON.stringify(rates)]);
  return changed.length;
}
