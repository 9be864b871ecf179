import { type Sql, statement } from '../sql.ts';

/** A user as an import knows one. */
export interface ImportedUser {
  email: string;
  name: string;
}

/** In the order of the addresses, so that imports which run at the same time don't wait for each other in a circle. */
const UPSERT_USERS = statement(`
  with written as (
    insert into app_user (email, name)
    select * from unnest($1::text[], $2::text[]) as i(email, name) order by email
    on conflict (email) do update set name = excluded.name
    returning xmax = 0 as inserted
  )
  select count(*) filter (where inserted)::int as inserted from written`);

/** Creates the users, and renames those whose address is there; each address once. Answers how many are new. */
export async function upsertUsers(sql: Sql, users: readonly ImportedUser[]): Promise<number> {
  if (users.length === 0) return 0;
  const values = [users.map(({ email }) => email), users.map(({ name }) => name)];
  const [row] = await sql.query<{ inserted: number }>(UPSERT_USERS, values);
  return row?.inserted ?? 0;
}
