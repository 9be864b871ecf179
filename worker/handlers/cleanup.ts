import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { timeOfId } from '../../src/core/ids.ts';
import { TERMINAL_STATES, type TerminalState } from '../../src/core/task-state.ts';
import { poolSql, type Sql } from '../../src/db/sql.ts';
import { findKnownFiles, type OldFile, takeOldFiles } from '../../src/db/statements/delete-files.ts';
import { deleteEndedTasks, deleteEndedWorkflow } from '../../src/db/statements/delete-tasks.ts';
import { findOpenTasks } from '../../src/db/statements/find-open-tasks.ts';
import {
  type EndedPage,
  FIRST_ID,
  listEndedTasks,
  listEndedWorkflows,
} from '../../src/db/statements/list-ended-tasks.ts';
import type { cleanupOldFiles as filesContract, pruneTaskHistory as pruneContract } from '../../src/tasks/cleanup.ts';
import type { TaskContext, TaskHandler } from '../task-handler.ts';

const DAY_MS = 24 * 3_600_000;
/** What is younger may belong to an upload or an attempt that is under way. */
const LEFTOVER_AGE_MS = DAY_MS;
const ATTEMPT_FOLDER = /^([0-9a-f-]{36})-\d+$/;

/**
 * Deletes old stored files page by page, the row before the file: what a crash leaves in between has no row. Then files
 * without a row and folders of attempts that are over, both of at least a day.
 */
export const cleanupOldFiles: TaskHandler<typeof filesContract> = async ({ olderThanDays, dryRun }, context) => {
  const tally = { deleted: 0, bytes: 0 };
  const remove = async ({ id, size }: OldFile) => {
    context.signal.throwIfAborted();
    if (!dryRun) await context.resources.files.remove(id);
    tally.deleted += 1;
    tally.bytes += size;
    context.progress(tally.deleted);
  };
  await removeOldFiles(context, daysAgo(olderThanDays), dryRun, remove);
  await removeLeftovers(context, remove);
  if (!dryRun) await removeStaleFolders(context);
  return tally;
};

type Remove = (file: OldFile) => Promise<void>;

async function removeOldFiles(
  { resources, signal }: TaskContext,
  storedBefore: Date,
  dryRun: boolean,
  remove: Remove,
): Promise<void> {
  const sql = poolSql(resources.orm);
  for (let after: string | null = FIRST_ID; after !== null;) {
    signal.throwIfAborted();
    const { files, next } = await takeOldFiles(sql, storedBefore, after, { dryRun });
    for (const file of files) await remove(file);
    after = next;
  }
}

async function removeLeftovers({ resources, signal }: TaskContext, remove: Remove): Promise<void> {
  const sql = poolSql(resources.orm);
  for await (const ids of resources.files.list()) {
    signal.throwIfAborted();
    const old = ids.filter((id) => timeOfId(id) < Date.now() - LEFTOVER_AGE_MS);
    const known = await findKnownFiles(sql, old);
    for (const id of old) if (!known.has(id)) await remove({ id, size: await resources.files.sizeOf(id) });
  }
}

/** Those of this machine. A worker removes its own; these are of workers that were killed. */
async function removeStaleFolders({ resources: { tempDir, orm }, signal }: TaskContext): Promise<void> {
  const names = await readdir(tempDir).catch(() => []);
  const folders = names.map((name) => ({ name, taskId: ATTEMPT_FOLDER.exec(name)?.[1] }));
  const open = await findOpenTasks(
    poolSql(orm),
    folders.flatMap(({ taskId }) => taskId ?? []),
  );
  for (const { name, taskId } of folders) {
    signal.throwIfAborted();
    if (taskId === undefined || open.has(taskId)) continue;
    const path = join(tempDir, name);
    const changedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (changedMs < Date.now() - LEFTOVER_AGE_MS) await rm(path, { recursive: true, force: true });
  }
}

/**
 * Deletes ended workflows with their tasks, each in a transaction of its own, and then the other ended tasks in pages, each
 * state after its own time.
 */
export const pruneTaskHistory: TaskHandler<typeof pruneContract> = async (
  { successDays, failureDays, revokedDays },
  { resources, signal, progress },
) => {
  const sql = poolSql(resources.orm);
  const retention = { SUCCESS: successDays, FAILURE: failureDays, REVOKED: revokedDays } as const;
  const tally = { deleted: 0, workflows: 0 };
  for (const state of TERMINAL_STATES) {
    const endedBefore = daysAgo(retention[state]);
    for await (const ids of endedPages(sql, state, endedBefore, listEndedWorkflows)) {
      for (const id of ids) {
        signal.throwIfAborted();
        const { workflows, tasks } = await deleteEndedWorkflow(sql, id, endedBefore);
        tally.workflows += workflows;
        tally.deleted += tasks;
      }
      progress(tally.deleted, undefined, state);
    }
    for await (const ids of endedPages(sql, state, endedBefore)) {
      signal.throwIfAborted();
      tally.deleted += await deleteEndedTasks(sql, ids, endedBefore);
      progress(tally.deleted, undefined, state);
    }
  }
  return tally;
};

/** All tasks, or what else `list` lists, that came to an end in a state before a time, in pages that are not empty. */
export async function* endedPages(
  sql: Sql,
  state: TerminalState,
  endedBefore: Date,
  list = listEndedTasks,
): AsyncGenerator<string[]> {
  for (let after: string | null = FIRST_ID; after !== null;) {
    const { ids, next }: EndedPage = await list(sql, state, endedBefore, after);
    if (ids.length > 0) yield ids;
    after = next;
  }
}

/** So many days before now. */
export function daysAgo(days: number): Date {
  return new Date(Date.now() - days * DAY_MS);
}
