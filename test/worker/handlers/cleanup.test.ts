import { randomBytes } from 'node:crypto';
import { access, mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { TaskCancelled } from '../../../src/core/errors.ts';
import { firstIdAt, newId } from '../../../src/core/ids.ts';
import type { TerminalState } from '../../../src/core/task-state.ts';
import type { WorkflowState } from '../../../src/core/workflow-state.ts';
import { transactionSql } from '../../../src/db/sql.ts';
import { reopenTasks } from '../../../src/db/statements/end-task.ts';
import { insertTasks } from '../../../src/db/statements/insert-tasks.ts';
import { insertWorkflow } from '../../../src/db/statements/insert-workflow.ts';
import { openFileStore } from '../../../src/files/drive-file-store.ts';
import type { FileStore } from '../../../src/files/file-store.ts';
import { prepareWorkflow } from '../../../src/operations/enqueue-workflow.ts';
import { openCatalog } from '../../../src/tasks/catalog.ts';
import { archiveTaskHistory, cleanupOldFiles, pruneTaskHistory } from '../../../src/tasks/cleanup.ts';
import { processLargeFile } from '../../../src/tasks/file.ts';
import { openDatabase, untilWaiting } from '../../db/database.ts';
import { test as base, type Workshop } from '../../support/handler-context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const DAY_MS = 24 * 3_600_000;

/** A new id that is so old. */
function idOfAge(days: number): string {
  const prefix = firstIdAt(new Date(Date.now() - days * DAY_MS)).slice(0, 14);
  const random = randomBytes(10).toString('hex');
  return `${prefix}7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`;
}

interface Shelf {
  files: FileStore;
  tempDir: string;
  /** Stores a file of so many bytes, with a row unless told otherwise; answers its id. */
  add(days: number, bytes: number, how?: { row: boolean }): Promise<string>;
  /** Those of the ids that have a row and those that are in the store. */
  kept(ids: Record<string, string>): Promise<{ rows: string[]; stored: string[] }>;
}

/** A file store whose files are as old as a test wants. */
const test = base.extend('shelf', async ({ workshop }, { onCleanup }): Promise<Shelf> => {
  const folder = await temporaryFolder();
  onCleanup(() => folder[Symbol.asyncDispose]());
  const files = openFileStore({ location: join(folder.path, 'files') });
  return {
    files,
    tempDir: join(folder.path, 'tmp'),
    async add(days, bytes, { row } = { row: true }) {
      const id = idOfAge(days);
      await files.write(id, Readable.from([Buffer.alloc(bytes)]));
      const text = `insert into stored_file (id, name, size, content_type) values ($1, 'old', $2, 'text/plain')`;
      if (row) await workshop.sql.query({ text }, [id, bytes]);
      return id;
    },
    async kept(ids) {
      const nameOf = new Map(Object.entries(ids).map(([name, id]) => [id, name]));
      const named = (all: string[]) => all.flatMap((id) => nameOf.get(id) ?? []).toSorted();
      const rows = await workshop.sql.query<{ id: string }>({ text: 'select id from stored_file' }, []);
      const stored: string[] = [];
      for await (const list of files.list()) stored.push(...list);
      return { rows: named(rows.map(({ id }) => id)), stored: named(stored) };
    },
  };
});

describe('cleanup-old-files', () => {
  test('deletes files of the age with their rows, and counts them', async ({ workshop, shelf }) => {
    const ids = { old: await shelf.add(8, 100), older: await shelf.add(800, 23), young: await shelf.add(6, 1000) };

    const { result, reports } = await workshop.run(cleanupOldFiles, { olderThanDays: 7 }, { resources: shelf });

    expect(result).toEqual({ deleted: 2, bytes: 123 });
    expect(await shelf.kept(ids)).toEqual({ rows: ['young'], stored: ['young'] });
    expect(reports.at(-1)).toMatchObject({ current: 2 });
  });

  test('keeps what an open task names, until that has ended', async ({ workshop, shelf }) => {
    const ids = { named: await shelf.add(8, 1), other: await shelf.add(8, 1) };
    const task = await workshop.enqueue(processLargeFile, { fileId: ids.named });

    await workshop.run(cleanupOldFiles, { olderThanDays: 7 }, { resources: shelf });
    const during = await shelf.kept(ids);
    await workshop.sql.query({ text: 'delete from open_task where task_id = $1' }, [task]);
    await workshop.run(cleanupOldFiles, { olderThanDays: 7 }, { resources: shelf });

    expect(during).toEqual({ rows: ['named'], stored: ['named'] });
    expect(await shelf.kept(ids)).toEqual({ rows: [], stored: [] });
  });

  test('keeps what a step of a running workflow has answered, or another one is to get', async ({
    workshop,
    shelf,
  }) => {
    const ids = { answered: await shelf.add(8, 1), awaited: await shelf.add(8, 1), other: await shelf.add(8, 1) };
    const { workflow, steps, tasks } = prepareWorkflow(
      { catalog: openCatalog({ diagnosticTasks: true }) },
      {
        name: 'files',
        steps: [
          { key: 'first', task: 'noop' },
          { key: 'second', task: 'process-large-file', payload: { fileId: ids.awaited }, dependsOn: ['first'] },
        ],
      },
    );
    await insertWorkflow(workshop.sql, workflow, steps);
    await insertTasks(workshop.sql, tasks);
    const end = `with ended as (update task set state = 'SUCCESS', result = $2 where workflow_id = $1 returning id)
      delete from open_task where task_id in (select id from ended)`;
    await workshop.sql.query({ text: end }, [workflow.id, { data: { id: ids.answered } }]);

    await workshop.run(cleanupOldFiles, { olderThanDays: 7 }, { resources: shelf });
    const during = await shelf.kept(ids);
    await workshop.sql.query({ text: `update workflow set state = 'SUCCESS' where id = $1` }, [workflow.id]);
    await workshop.run(cleanupOldFiles, { olderThanDays: 7 }, { resources: shelf });

    expect(during).toEqual({ rows: ['answered', 'awaited'], stored: ['answered', 'awaited'] });
    expect(await shelf.kept(ids)).toEqual({ rows: [], stored: [] });
  });

  test('a dry run counts the same and deletes nothing', async ({ workshop, shelf }) => {
    const ids = { old: await shelf.add(8, 100), leftover: await shelf.add(8, 10, { row: false }) };

    const { result } = await workshop.run(cleanupOldFiles, { olderThanDays: 7, dryRun: true }, { resources: shelf });

    expect(result).toEqual({ deleted: 2, bytes: 110 });
    expect(await shelf.kept(ids)).toEqual({ rows: ['old'], stored: ['leftover', 'old'] });
  });

  test('removes files without a row, but not those that may be under way', async ({ workshop, shelf }) => {
    const ids = { leftover: await shelf.add(2, 10, { row: false }), upload: await shelf.add(0.5, 10, { row: false }) };

    const { result } = await workshop.run(cleanupOldFiles, { olderThanDays: 365 }, { resources: shelf });

    expect(result).toEqual({ deleted: 1, bytes: 10 });
    expect(await shelf.kept(ids)).toEqual({ rows: [], stored: ['upload'] });
  });

  test('more files than a page are all deleted', async ({ workshop, shelf }) => {
    const text = `insert into stored_file (id, name, size, content_type)
      select (left($1, 24) || lpad(to_hex(n), 12, '0'))::uuid, 'old', 2, 'text/plain' from generate_series(1, 1200) n`;
    await workshop.sql.query({ text }, [idOfAge(8)]);

    const { result } = await workshop.run(cleanupOldFiles, { olderThanDays: 7 }, { resources: shelf });

    expect(result).toEqual({ deleted: 1200, bytes: 2400 });
    expect((await workshop.countFiles()).rows).toBe(0);
  });

  test('removes the folders of attempts that are long over', async ({ workshop, shelf }) => {
    const open = await workshop.enqueue(processLargeFile, { fileId: newId() });
    const folders = { stale: `${newId()}-1`, young: `${newId()}-1`, open: `${open}-1`, other: 'lost+found' };
    for (const [name, folder] of Object.entries(folders)) {
      await mkdir(join(shelf.tempDir, folder), { recursive: true });
      await writeFile(join(shelf.tempDir, folder, 'file'), 'content');
      const changed = new Date(Date.now() - (name === 'young' ? 0.5 : 2) * DAY_MS);
      await utimes(join(shelf.tempDir, folder), changed, changed);
    }

    await workshop.run(cleanupOldFiles, { olderThanDays: 7 }, { resources: shelf });

    await expect(access(join(shelf.tempDir, folders.stale))).rejects.toMatchObject({ code: 'ENOENT' });
    for (const kept of [folders.young, folders.open, folders.other]) await access(join(shelf.tempDir, kept));
  });
});

/** Adds ended tasks with a step, an earlier attempt and two stored events each; answers their ids. */
async function addEnded({ sql }: Workshop, state: TerminalState, endedDaysAgo: number, count = 1): Promise<string[]> {
  const prefix = idOfAge(endedDaysAgo + 0.01);
  const text = `
    with ids as (
      select (left($1, 24) || lpad(to_hex(n), 12, '0'))::uuid as id,
        now() - $3::float8 * interval '1 day' as ended from generate_series(1, $4::int) n
    ), tasks as (
      insert into task (id, name, queue, state, priority, input, result, attempt, max_attempts, sequence, started_sequence,
        created_at, started_at, attempt_started_at, finished_at)
      select id, 'noop', 'any', $2, 5, '{"a": "\u00e4"}', case when $2 = 'SUCCESS' then '{"b": 1}'::jsonb end, 2, 3, 6, 4,
        ended, ended, ended, ended from ids
    ), outcomes as (
      insert into task_outcome (state, task_id) select $2, id from ids
    ), steps as (
      insert into task_step (task_id, key, attempt, value) select id, 'one', 1, '1' from ids
    ), attempts as (
      insert into task_attempt (task_id, number, started_at, finished_at) select id, 1, ended, ended from ids
    ), events as (
      insert into task_event (task_id, sequence, type, at, state, attempt)
      select id, sequence, type, ended, type, least(sequence, 4) / 2 from ids,
        (values (2, 'STARTED'), (3, 'RETRY'), (5, 'PROGRESS')) e (sequence, type)
    )
    select id from ids order by id`;
  const rows = await sql.query<{ id: string }>({ text }, [prefix, state, endedDaysAgo, count]);
  return rows.map(({ id }) => id);
}

/** How many rows each table has of ended tasks. */
async function countHistory({ sql }: Workshop): Promise<Record<string, number>> {
  const tables = ['task_outcome', 'task_event', 'task_attempt', 'task_step'];
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const [row] = await sql.query<{ count: number }>({ text: `select count(*)::int as count from ${table}` }, []);
    counts[table] = row?.count ?? 0;
  }
  const ended = `select count(*)::int as count from task where state in ('SUCCESS', 'FAILURE', 'REVOKED')`;
  const [row] = await sql.query<{ count: number }>({ text: ended }, []);
  return { task: row?.count ?? 0, ...counts };
}

async function endedStates({ sql }: Workshop): Promise<string[]> {
  const rows = await sql.query<{ state: string }>({ text: 'select state from task_outcome order by state' }, []);
  return rows.map(({ state }) => state);
}

describe('prune-task-history', () => {
  test('deletes each state after its own time, with all that is known of the tasks', async ({ workshop }) => {
    for (const state of ['SUCCESS', 'FAILURE', 'REVOKED'] as const) {
      await addEnded(workshop, state, 31);
      await addEnded(workshop, state, 91);
      await addEnded(workshop, state, 29);
    }

    const { result } = await workshop.run(pruneTaskHistory, {});

    expect(result).toEqual({ deleted: 5, workflows: 0 });
    expect(await endedStates(workshop)).toEqual(['FAILURE', 'FAILURE', 'REVOKED', 'SUCCESS']);
    expect(await countHistory(workshop)).toEqual({
      task: 4,
      task_outcome: 4,
      task_event: 12,
      task_attempt: 4,
      task_step: 4,
    });
  });

  test('takes the times that it is given, in pages of a thousand', async ({ workshop }) => {
    await addEnded(workshop, 'SUCCESS', 2, 2300);
    await addEnded(workshop, 'FAILURE', 2, 3);

    const { result, reports } = await workshop.run(pruneTaskHistory, { successDays: 1, failureDays: 3 });

    expect(result).toEqual({ deleted: 2300, workflows: 0 });
    expect(reports.map(({ current }) => current)).toEqual([1000, 2000, 2300]);
    expect(await countHistory(workshop)).toMatchObject({ task: 3, task_event: 9 });
  });

  test('a task that was enqueued long ago and ended lately stays', async ({ workshop }) => {
    const [id] = await addEnded(workshop, 'SUCCESS', 40);
    await workshop.sql.query({ text: 'update task set finished_at = now() where id = $1' }, [id]);

    expect((await workshop.run(pruneTaskHistory, {})).result).toEqual({ deleted: 0, workflows: 0 });
    expect(await countHistory(workshop)).toMatchObject({ task: 1 });
  });

  test('a task that runs again stays whole', async ({ workshop }) => {
    const [id] = await addEnded(workshop, 'FAILURE', 100);
    await reopenTasks(workshop.sql, [{ id: id! }]);

    await workshop.run(pruneTaskHistory, {});

    const [row] = await workshop.sql.query({ text: 'select state from task where id = $1' }, [id]);
    expect(row).toEqual({ state: 'PENDING' });
    expect(await countHistory(workshop)).toMatchObject({ task_step: 1, task_attempt: 2 });
  });

  test('stops between two pages when it is cancelled', async ({ workshop }) => {
    await addEnded(workshop, 'SUCCESS', 40, 1500);
    const controller = new AbortController();
    const reason = new TaskCancelled(null);

    const { error } = await workshop.run(
      pruneTaskHistory,
      {},
      { signal: controller.signal, onProgress: () => controller.abort(reason) },
    );

    expect(error).toBe(reason);
    expect(await countHistory(workshop)).toMatchObject({ task: 500, task_step: 500 });
  });
});

/**
 * Adds a workflow of two steps that ended so long ago, the second of which has had another task before; answers its id.
 * Its tasks ended in `taskState`.
 */
async function addWorkflow(
  workshop: Workshop,
  state: WorkflowState,
  endedDaysAgo: number,
  taskState: TerminalState = 'SUCCESS',
): Promise<string> {
  const id = idOfAge(endedDaysAgo + 0.01);
  const tasks = await addEnded(workshop, taskState, endedDaysAgo, 3);
  const text = `
    with workflow as (
      insert into workflow (id, name, state, fingerprint, sequence, open_steps, weight, created_at, finished_at)
      select $1, 'old', $2, '', 3, 0, 2, ended, ended from (select now() - $3::float8 * interval '1 day' as ended) e
    ), steps as (
      insert into workflow_step (workflow_id, position, key, state, task, payload, input_from, options, on_failure,
        join_policy, join_count, weight, dependencies, dependants, task_id)
      select $1, position, 'step', 'SUCCESS', 'noop', '{}', '{}', '{}', 'FAIL', 'ALL', 1, 1, '{}', '{}', task_id
      from unnest($4::uuid[]) with ordinality s (task_id, position) where position < 3
    ), events as (
      insert into workflow_event (workflow_id, sequence, type, at, state, percent, task_id)
      select $1, n, 'STEP', now(), 'RUNNING', 0, ($4::uuid[])[n] from generate_series(1, 3) n
    )
    update task set workflow_id = $1, workflow_step = 0 where id = any ($4)`;
  await workshop.sql.query({ text }, [id, state, endedDaysAgo, tasks]);
  return id;
}

async function countWorkflows({ sql }: Workshop): Promise<Record<string, number>> {
  const text = `select (select count(*)::int from workflow) as workflow, (select count(*)::int from workflow_step) as step,
    (select count(*)::int from workflow_event) as event`;
  const [row] = await sql.query<Record<string, number>>({ text }, []);
  return row ?? {};
}

describe('prune-task-history of workflows', () => {
  test('deletes each as a whole after the time of its own state, whatever its tasks ended in', async ({ workshop }) => {
    await addWorkflow(workshop, 'FAILURE', 31);
    await addWorkflow(workshop, 'FAILURE', 91);
    await addWorkflow(workshop, 'SUCCESS', 31, 'FAILURE');
    await addEnded(workshop, 'SUCCESS', 31);

    const { result } = await workshop.run(pruneTaskHistory, {});

    expect(result).toEqual({ deleted: 3 + 3 + 1, workflows: 2 });
    expect(await countWorkflows(workshop)).toEqual({ workflow: 1, step: 2, event: 3 });
    expect(await countHistory(workshop)).toEqual({
      task: 3,
      task_outcome: 3,
      task_event: 9,
      task_attempt: 3,
      task_step: 3,
    });
  });

  test('leaves one that runs whole, with the results that its steps wait for', async ({ workshop }) => {
    const id = await addWorkflow(workshop, 'SUCCESS', 400);
    await workshop.sql.query({ text: `update workflow set state = 'RUNNING', finished_at = null where id = $1` }, [id]);

    const { result } = await workshop.run(pruneTaskHistory, {});

    expect(result).toEqual({ deleted: 0, workflows: 0 });
    expect(await countWorkflows(workshop)).toEqual({ workflow: 1, step: 2, event: 3 });
    expect(await countHistory(workshop)).toMatchObject({ task: 3, task_step: 3 });
  });

  test('leaves one that is run again in the same moment', async ({ workshop }) => {
    const id = await addWorkflow(workshop, 'FAILURE', 100);

    const pruned = await workshop.orm.em.fork().transactional(async (em) => {
      await em.execute(`update workflow set state = 'RUNNING', finished_at = null where id = ?`, [id]);
      const pruning = workshop.run(pruneTaskHistory, {});
      await untilWaiting(openDatabase(workshop.orm), 1);
      return { pruning };
    });

    expect((await pruned.pruning).result).toEqual({ deleted: 0, workflows: 0 });
    expect(await countWorkflows(workshop)).toEqual({ workflow: 1, step: 2, event: 3 });
  });
});

interface ArchiveLine {
  task?: Record<string, unknown>;
  event?: { taskId: string; sequence: number; type: string };
}

async function readArchive(workshop: Workshop, fileId: string): Promise<ArchiveLine[]> {
  const { content } = await workshop.read(fileId);
  const lines = gunzipSync(content).toString().trimEnd().split('\n');
  return lines.filter((text) => text !== '').map((text) => JSON.parse(text) as ArchiveLine);
}

describe('archive-task-history', () => {
  test('writes each task with its whole history, and keeps it', async ({ workshop }) => {
    const [succeeded] = await addEnded(workshop, 'SUCCESS', 40);
    const [failed] = await addEnded(workshop, 'FAILURE', 40);
    await addEnded(workshop, 'SUCCESS', 20);

    const { result } = await workshop.run(archiveTaskHistory, { olderThanDays: 30 });

    const { row } = await workshop.read(result.fileId);
    const lines = await readArchive(workshop, result.fileId);
    expect(result).toEqual({ fileId: expect.any(String), tasks: 2 });
    expect(row.contentType).toBe('application/gzip');
    expect(row.name).toMatch(/^tasks-until-\d{4}-\d\d-\d\d\.ndjson\.gz$/);
    expect(lines.flatMap(({ task }) => task ?? [])).toMatchObject([
      { id: succeeded, name: 'noop', state: 'SUCCESS', input: { a: 'ä' }, result: { b: 1 }, max_attempts: 3 },
      { id: failed, state: 'FAILURE' },
    ]);
    expect(
      lines.flatMap(({ event }) => (event?.taskId === succeeded ? `${event?.sequence} ${event?.type}` : [])),
    ).toEqual(['1 ENQUEUED', '2 STARTED', '3 RETRY', '4 STARTED', '5 PROGRESS', '6 SUCCESS']);
    expect(await countHistory(workshop)).toMatchObject({ task: 3 });
  });

  test('deletes what is in the archive, and nothing else', async ({ workshop }) => {
    const archived = await addEnded(workshop, 'SUCCESS', 40, 1300);
    await addEnded(workshop, 'SUCCESS', 20, 2);

    const { result, reports } = await workshop.run(archiveTaskHistory, { olderThanDays: 30, delete: true });

    const ids = (await readArchive(workshop, result.fileId)).flatMap(({ task }) => task?.['id'] ?? []);
    expect(result.tasks).toBe(1300);
    expect(ids).toEqual(archived);
    expect(await countHistory(workshop)).toMatchObject({ task: 2, task_event: 6, task_step: 2 + 2 });
    expect(reports.at(-1)).toMatchObject({ current: 1300, total: 1300, message: 'deleting' });
  });

  test('an attempt after an interruption deletes the rest, without another archive', async ({ workshop }) => {
    await addEnded(workshop, 'SUCCESS', 40, 1300);
    const id = await workshop.enqueue(archiveTaskHistory, { olderThanDays: 30, delete: true });
    const controller = new AbortController();
    const first = await workshop.attempt(archiveTaskHistory, id, {
      signal: controller.signal,
      onProgress: ({ message }) => message === 'deleting' && controller.abort(new TaskCancelled('the worker stops')),
    });
    const between = await countHistory(workshop);
    await addEnded(workshop, 'FAILURE', 40);

    const second = await workshop.attempt(archiveTaskHistory, id);

    expect(first.error).toMatchObject({ code: 'CANCELLED' });
    expect(between).toMatchObject({ task: 300 });
    expect(second.result).toMatchObject({ tasks: 1300 });
    expect(await endedStates(workshop)).toEqual(['FAILURE']);
    expect(await workshop.countFiles()).toMatchObject({ rows: 1, stored: 1 });
  });

  test('steps are archived, and stay until their workflow goes', async ({ workshop }) => {
    await addWorkflow(workshop, 'SUCCESS', 40);
    await addEnded(workshop, 'SUCCESS', 40);

    const { result } = await workshop.run(archiveTaskHistory, { olderThanDays: 30, delete: true });

    expect(result.tasks).toBe(4);
    expect(await countHistory(workshop)).toMatchObject({ task: 3 });
    expect(await countWorkflows(workshop)).toMatchObject({ workflow: 1 });
  });

  test('a task that has run again since it was archived is not deleted', async ({ workshop }) => {
    const [again] = await addEnded(workshop, 'FAILURE', 40, 2);

    const { archiving } = await workshop.orm.em.fork().transactional(async (em) => {
      await em.execute('select from task where id = ? for update', [again]);
      const archiving = workshop.run(archiveTaskHistory, { olderThanDays: 30, delete: true });
      await untilWaiting(openDatabase(workshop.orm), 1); // it is archived, and about to be deleted
      await reopenTasks(transactionSql(em), [{ id: again! }]);
      return { archiving };
    });
    const { result } = await archiving;

    const [row] = await workshop.sql.query({ text: 'select state from task where id = $1' }, [again]);
    expect(result.tasks).toBe(2);
    expect(row).toEqual({ state: 'PENDING' });
  });

  test('without anything to archive the archive is empty', async ({ workshop }) => {
    const { result } = await workshop.run(archiveTaskHistory, { olderThanDays: 30, delete: true });

    expect(result.tasks).toBe(0);
    expect(await readArchive(workshop, result.fileId)).toEqual([]);
  });
});
