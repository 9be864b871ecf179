import { isoUtc, type Sql, statement } from '../sql.ts';

/** A user as a report tells of it. */
export interface ReportedUser {
  id: number;
  name: string;
  email: string;
  loginCount: number;
  /** ISO 8601. */
  lastActivityAt: string | null;
  /** ISO 8601. */
  createdAt: string;
}

/** Null does not narrow. */
export interface Period {
  /** Inclusive. */
  from: Date | null;
  /** Exclusive. */
  to: Date | null;
}

const ACTIVE = `($1::timestamptz is null or last_activity_at >= $1) and ($2::timestamptz is null or last_activity_at < $2)`;

const COUNT_USERS = statement(`select count(*)::int as count from app_user where ${ACTIVE}`);

/** How many users were last active in a period. */
export async function countActiveUsers(sql: Sql, { from, to }: Period): Promise<number> {
  const [row] = await sql.query<{ count: number }>(COUNT_USERS, [from, to]);
  return row?.count ?? 0;
}

const READ_USERS = statement(`
  select id, name, email, login_count as "loginCount", ${isoUtc('last_activity_at')} as "lastActivityAt",
    ${isoUtc('created_at')} as "createdAt"
  from app_user where ${ACTIVE} and id > $3 order by id limit $4`);

/** The next users after an id that were last active in a period. */
export function readActiveUsers(sql: Sql, { from, to }: Period, after: number, limit: number): Promise<ReportedUser[]> {
  return sql.query(READ_USERS, [from, to, after, limit]);
}

/** A task as a report counts it. */
export interface ReportedTask {
  id: string;
  name: string;
  state: string;
  /** Of the last attempt; null when it is not over. */
  durationMs: number | null;
}

const COUNT_TASKS = statement('select count(*)::int as count from task where id > $1 and id < $2');

/** How many tasks have an id between two. */
export async function countTasks(sql: Sql, after: string, before: string): Promise<number> {
  const [row] = await sql.query<{ count: number }>(COUNT_TASKS, [after, before]);
  return row?.count ?? 0;
}

const READ_TASKS = statement(`
  select id, name, state, (extract(epoch from finished_at - attempt_started_at) * 1000)::float8 as "durationMs"
  from task where id > $1 and id < $2 order by id limit $3`);

/** The next tasks after an id, in the order in which they were enqueued. */
export function readTasks(sql: Sql, after: string, before: string, limit: number): Promise<ReportedTask[]> {
  return sql.query(READ_TASKS, [after, before, limit]);
}
