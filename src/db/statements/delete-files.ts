import { firstIdAt } from '../../core/ids.ts';
import { type Sql, statement } from '../sql.ts';

/** The most files in a page. */
const FILE_PAGE_SIZE = 500;

/** A file that was deleted, or may be. */
export interface OldFile {
  id: string;
  /** In bytes. */
  size: number;
}

/** A page of old files, in the order of their ids. */
export interface OldFilePage {
  /** Those that no open task and no running workflow names. */
  files: OldFile[];
  /** Where the next page begins; null after the last one. */
  next: string | null;
}

/**
 * Whatever looks like an id in the payload of an open task may name a file, and so may what the steps of a running workflow
 * were given and have answered: a step that has not started takes files from those.
 */
const OLD_FILES = `
  page as (
    select id, size from stored_file where id > $1 and id < $2 order by id limit ${FILE_PAGE_SIZE}
  ), said as (
    select t.input::text as text from open_task o join task t on t.id = o.task_id
    union all
    select concat(s.payload, t.result)
    from workflow w join workflow_step s on s.workflow_id = w.id left join task t on t.id = s.task_id
    where w.state = 'RUNNING'
  ), named as materialized (
    select distinct match[1] as id
    from said, regexp_matches(text, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g') match
  ), unnamed as (
    select id, size from page where not exists (select from named where named.id = page.id::text)
  )`;

const RESULT = `select
    coalesce((select jsonb_agg(jsonb_build_object('id', id, 'size', size)) from chosen), '[]') as files,
    (select count(*) = ${FILE_PAGE_SIZE} from page) as more,
    (select id from page order by id desc limit 1) as last`;

const FIND = statement(`with ${OLD_FILES}, chosen as (select * from unnamed) ${RESULT}`);
const DELETE = statement(`
  with ${OLD_FILES}, chosen as (
    delete from stored_file f using unnamed u where f.id = u.id returning f.id, f.size
  ) ${RESULT}`);

/**
 * Deletes the rows of a page of files that were stored before a time and that nothing open names, or only finds them. A
 * task that is enqueued in the same moment is too late.
 */
export async function takeOldFiles(
  sql: Sql,
  storedBefore: Date,
  after: string,
  { dryRun }: { dryRun: boolean },
): Promise<OldFilePage> {
  const values = [after, firstIdAt(storedBefore)];
  const [row] = await sql.query<{ files: OldFile[]; more: boolean; last: string }>(dryRun ? FIND : DELETE, values);
  return { files: row?.files ?? [], next: row?.more ? row.last : null };
}

const KNOWN = statement('select id from stored_file where id = any ($1::uuid[])');

/** Those of the ids that a file has. */
export async function findKnownFiles(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  return new Set((await sql.query<{ id: string }>(KNOWN, [ids])).map(({ id }) => id));
}
