import { Migration } from '@mikro-orm/migrations';

/** What the shipped tasks for orders, profiles and exchange rates work on. */
export class OrdersAndRates extends Migration {
  override name = '0003-orders-and-rates';

  override up(): void {
    this.addSql(`
      create table user_profile (
        user_id int primary key references app_user (id),
        display_name text not null,
        bio text,
        created_at timestamptz(3) not null default now()
      )`);
    this.addSql(`
      create table app_order (
        id serial primary key,
        user_id int not null references app_user (id),
        amount_cents int not null check (amount_cents > 0),
        currency text not null,
        state text not null default 'PENDING',
        payment_id text,
        payment_key uuid,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now()
      )`);
    this.addSql(`
      create table exchange_rate_sheet (
        base text primary key,
        etag text,
        fetched_at timestamptz(3) not null
      )`);
    this.addSql(`
      create table exchange_rate (
        base text references exchange_rate_sheet (base),
        currency text,
        rate numeric not null check (rate > 0),
        updated_at timestamptz(3) not null,
        primary key (base, currency)
      )`);
  }
}
