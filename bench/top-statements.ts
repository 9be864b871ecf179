import { formatTable } from './report.ts';
import type { World } from './world.ts';

const TOP_STATEMENTS = `
  select regexp_replace(left(regexp_replace(query, '\\s+', ' ', 'g'), 90), '^ ', '') as query, calls,
    round(total_exec_time::numeric) as total_ms, round(mean_exec_time::numeric, 3) as mean_ms,
    round(max_exec_time::numeric, 1) as max_ms, round((total_plan_time / greatest(1, calls))::numeric, 3) as plan_ms,
    round(rows::numeric / greatest(1, calls), 1) as rows, wal_bytes / greatest(1, calls) as wal
  from pg_stat_statements
  where dbid = (select oid from pg_database where datname = current_database())
  order by total_exec_time desc limit 14`;

/** Prints the statements that took Postgres longest in a world's database. */
export async function printTopStatements(world: World): Promise<void> {
  const rows = await world.query(TOP_STATEMENTS);
  const columns = ['query', 'calls', 'total_ms', 'mean_ms', 'max_ms', 'plan_ms', 'rows', 'wal'];
  console.log('\n  Statements by the time that Postgres spent on them; rows and bytes of WAL are those of a call:');
  console.log(formatTable([columns, ...rows.map((row) => columns.map((column) => String(row[column])))]));
}
