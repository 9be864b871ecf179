import { pipeline, Readable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { TERMINAL_STATES } from '../../src/core/task-state.ts';
import { StoredFile } from '../../src/db/entities/stored-file.ts';
import { poolSql, type Sql } from '../../src/db/sql.ts';
import { deleteEndedTasks } from '../../src/db/statements/delete-tasks.ts';
import { countEndedTasks, ENDED_PAGE_SIZE, readTaskRows } from '../../src/db/statements/list-ended-tasks.ts';
import { readHistory } from '../../src/db/statements/read-history.ts';
import { storeFile } from '../../src/operations/store-file.ts';
import type { archiveTaskHistory as contract } from '../../src/tasks/cleanup.ts';
import type { TaskContext, TaskHandler } from '../task-handler.ts';
import { daysAgo, endedPages } from './cleanup.ts';

const ROWS_AT_ONCE = 100;
const EVENTS_AT_ONCE = 500;

/** An archive that is stored. */
interface Archive {
  fileId: string;
  tasks: number;
  /** ISO 8601. */
  endedBefore: string;
}

/**
 * Writes ended tasks into a compressed file of lines, `{"task": …}` followed by its `{"event": …}`, in bounded memory.
 *
 * Deleting is a second step that takes the ids from the stored file itself: nothing is deleted that is not in it, and an
 * attempt that was interrupted goes on deleting without another archive.
 */
export const archiveTaskHistory: TaskHandler<typeof contract> = async (payload, context) => {
  const archive = await context.step('archived', () => writeArchive(context, daysAgo(payload.olderThanDays)));
  if (payload.delete) await deleteArchived(context, archive);
  return { fileId: archive.fileId, tasks: archive.tasks };
};

async function writeArchive(context: TaskContext, endedBefore: Date): Promise<Archive> {
  const { resources, step } = context;
  const counted = { tasks: 0 };
  const lines = Readable.from(writeLines(context, endedBefore, counted));
  const file = {
    name: `tasks-until-${endedBefore.toISOString().slice(0, 10)}.ndjson.gz`,
    contentType: 'application/gzip',
    content: pipeline(lines, createGzip(), () => undefined), // a failure reaches the store through the stream
  };
  const { archive } = await storeFile(resources.files, file, (data) =>
    step('stored', (em) => {
      em.create(StoredFile, { ...data, createdAt: new Date() });
      const { tasks } = counted;
      return { id: data.id, archive: { fileId: data.id, tasks, endedBefore: endedBefore.toISOString() } };
    }),
  );
  return archive;
}

async function* writeLines(
  { resources, signal, progress }: TaskContext,
  endedBefore: Date,
  counted: { tasks: number },
): AsyncGenerator<string> {
  const sql = poolSql(resources.orm);
  const total = await countEndedTasks(sql, endedBefore);
  for (const state of TERMINAL_STATES) {
    for await (const ids of endedPages(sql, state, endedBefore)) {
      for (let at = 0; at < ids.length; at += ROWS_AT_ONCE) {
        for (const task of await readTaskRows(sql, ids.slice(at, at + ROWS_AT_ONCE))) {
          signal.throwIfAborted();
          yield line({ task });
          yield* writeEvents(sql, String(task['id']));
          counted.tasks += 1;
          progress(counted.tasks, Math.max(total, counted.tasks), 'archiving');
        }
      }
    }
  }
}

async function* writeEvents(sql: Sql, taskId: string): AsyncGenerator<string> {
  for (let after = 0, more = true; more;) {
    const history = await readHistory(sql, taskId, after, EVENTS_AT_ONCE);
    for (const event of history?.events ?? []) yield line({ event });
    after = history?.events.at(-1)?.sequence ?? after;
    more = history?.more ?? false;
  }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

async function deleteArchived(context: TaskContext, { fileId, tasks, endedBefore }: Archive): Promise<void> {
  const { resources, signal, progress } = context;
  const sql = poolSql(resources.orm);
  let done = 0;
  const remove = async (ids: readonly string[]) => {
    signal.throwIfAborted();
    await deleteEndedTasks(sql, ids, new Date(endedBefore));
    done += ids.length;
    progress(done, tasks, 'deleting');
  };
  let batch: string[] = [];
  for await (const id of readArchivedIds(await resources.files.read(fileId))) {
    batch.push(id);
    if (batch.length < ENDED_PAGE_SIZE) continue;
    await remove(batch);
    batch = [];
  }
  await remove(batch);
}

async function* readArchivedIds(content: Readable): AsyncGenerator<string> {
  for await (const text of readLines(pipeline(content, createGunzip(), () => undefined))) {
    if (!text.startsWith('{"task":')) continue;
    const { task } = JSON.parse(text) as { task: { id: string } };
    yield task.id;
  }
}

/** As `node:readline` does, which does not tell when its input fails. */
async function* readLines(input: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
