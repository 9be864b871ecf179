import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pino } from 'pino';
import type { PayloadInput, TaskContract } from '../../src/core/define-task.ts';
import type { ProgressReport } from '../../src/core/progress.ts';
import { StoredFile, type StoredFileRow } from '../../src/db/entities/stored-file.ts';
import { User, type UserRow } from '../../src/db/entities/user.ts';
import { closeOrm, openOrm, type Orm } from '../../src/db/orm.ts';
import { poolSql, type Sql } from '../../src/db/sql.ts';
import { claimTasks } from '../../src/db/statements/claim-tasks.ts';
import { insertTasks } from '../../src/db/statements/insert-tasks.ts';
import { settleAttempts } from '../../src/db/statements/settle-attempts.ts';
import { openFileStore } from '../../src/files/drive-file-store.ts';
import { readStoredFile } from '../../src/operations/read-file.ts';
import { uploadFile } from '../../src/operations/upload-file.ts';
import { newTask } from '../db/database.ts';
import { AttemptCleanup, attemptFolder } from '../../worker/attempt-cleanup.ts';
import { handlers } from '../../worker/handlers/registry.ts';
import { runHandler, unwrapThrown } from '../../worker/run-handler.ts';
import { openTaskContext } from '../../worker/task-context.ts';
import type { HandlerResources } from '../../worker/task-handler.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { test as base } from './world.ts';

const UPLOAD_MAX_BYTES = 2 ** 30;

/** What a test wishes of an attempt. */
export interface AttemptWishes {
  signal?: AbortSignal;
  /** Called with each report. */
  onProgress?: (report: ProgressReport) => void;
  /** In place of those of the workshop. */
  resources?: Partial<HandlerResources>;
}

/** How an attempt ended: with a result or with what was thrown. */
export interface AttemptEnd {
  result: any;
  error: any;
  reports: ProgressReport[];
}

/** Runs handlers of plain tasks as a worker does, attempt by attempt, on a database and a file store of the test's own. */
export class Workshop {
  readonly orm: Orm;
  readonly sql: Sql;
  readonly #folder: string;
  readonly #resources: Partial<HandlerResources>;

  constructor(orm: Orm, folder: string) {
    this.orm = orm;
    this.sql = poolSql(orm);
    this.#folder = folder;
    this.#resources = { orm, files: openFileStore({ location: join(folder, 'files') }) };
  }

  /** Enqueues a task; answers its id. */
  async enqueue<C extends TaskContract>({ name, queue }: C, input: PayloadInput<C>): Promise<string> {
    const task = newTask({ name, queue, input, maxAttempts: 100 });
    await insertTasks(this.sql, [task]);
    return task.id;
  }

  /** Runs the next attempt of a task; one that fails gives the task back for another. */
  async attempt(contract: TaskContract, taskId: string, wishes: AttemptWishes = {}): Promise<AttemptEnd> {
    const [task] = await claimTasks(this.sql, [taskId], 'worker-1', [contract.name]);
    if (!task) throw new Error(`expected to claim task ${taskId}, but it was not there for it`);
    const { attempt } = task;
    const logger = pino({ level: 'silent' });
    const cleanup = new AttemptCleanup(attemptFolder(join(this.#folder, 'temp'), taskId, attempt), logger);
    const reports: ProgressReport[] = [];
    const context = openTaskContext({
      taskId,
      attempt,
      signal: wishes.signal ?? new AbortController().signal,
      logger,
      recordLine: () => undefined,
      report: (report) => {
        reports.push(report);
        wishes.onProgress?.(report);
      },
      enqueue: () => Promise.reject(new Error('expected no task to be enqueued')),
      cleanup,
      resources: onlyNamed({ ...this.#resources, ...wishes.resources }),
    });
    try {
      const run = { contract, input: task.input, contextFor: () => context, cleanup };
      return { result: await runHandler(handlers, run), error: null, reports };
    } catch (thrown) {
      const end = { taskId, attempt, result: null, error: null, delayMs: 0, lost: false, workflowId: null };
      await settleAttempts(this.sql, [{ ...end, state: 'RETRY' }]);
      return { result: null, error: unwrapThrown(thrown), reports };
    }
  }

  /** Enqueues a task and runs its first attempt. */
  async run<C extends TaskContract>(
    contract: C,
    input: PayloadInput<C>,
    wishes: AttemptWishes = {},
  ): Promise<AttemptEnd> {
    return this.attempt(contract, await this.enqueue(contract, input), wishes);
  }

  /** Stores a file as an upload does; answers its id. */
  async upload(
    content: string | Uint8Array | Readable,
    name = 'file.txt',
    contentType = 'text/plain',
  ): Promise<string> {
    const stream = content instanceof Readable ? content : Readable.from([Buffer.from(content)]);
    const { files } = this.#resources as HandlerResources;
    const resources = { orm: this.orm, files, maxUploadBytes: UPLOAD_MAX_BYTES };
    return (await uploadFile(resources, { name, contentType, content: stream })).id;
  }

  async read(id: string): Promise<{ row: StoredFileRow; content: Buffer }> {
    const { row, content } = await readStoredFile(this.#resources as HandlerResources, id);
    return { row, content: await buffer(content) };
  }

  /** How many files there are: in the table, in the store, and temporary ones. */
  async countFiles(): Promise<{ rows: number; stored: number; temporary: number }> {
    const rows = await this.orm.em.fork().count(StoredFile);
    return { rows, stored: await countBelow(this.#folder, 'files'), temporary: await countBelow(this.#folder, 'temp') };
  }

  async createUsers(users: Partial<UserRow>[]): Promise<number[]> {
    const em = this.orm.em.fork();
    const rows = users.map((user, at) =>
      em.create(User, { email: `user${at}@example.com`, name: `User ${at}`, createdAt: new Date(), ...user }),
    );
    await em.flush();
    return rows.map(({ id }) => id);
  }

  async users(): Promise<Pick<UserRow, 'email' | 'name'>[]> {
    const users = await this.orm.em.fork().find(User, {}, { orderBy: { id: 'asc' } });
    return users.map(({ email, name }) => ({ email, name }));
  }

  /** The keys of the steps that a task has done, in order. */
  async steps(taskId: string): Promise<string[]> {
    const rows = await this.sql.query<{ key: string }>(
      { text: 'select key from task_step where task_id = $1 order by at, key' },
      [taskId],
    );
    return rows.map(({ key }) => key);
  }
}

/** Folders count too: none is to be left. */
async function countBelow(folder: string, name: string): Promise<number> {
  const entries = await readdir(join(folder, name), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => name === 'temp' || entry.isFile()).length;
}

function onlyNamed(resources: Partial<HandlerResources>): HandlerResources {
  return new Proxy(resources as HandlerResources, {
    get(named, name) {
      if (name in named) return named[name as keyof HandlerResources];
      throw new Error(`expected the handler not to use ${String(name)}`);
    },
  });
}

/** The tests' `test` with a workshop. */
export const test = base.extend('workshop', async ({ world }, { onCleanup }): Promise<Workshop> => {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await temporaryFolder());
  const logger = pino({ level: 'silent' });
  const orm = await openOrm({ databaseUrl: world.databaseUrl, applicationName: 'test', logger });
  opening.defer(() => closeOrm(orm));
  const opened = opening.move();
  onCleanup(() => opened.disposeAsync());
  return new Workshop(orm, folder.path);
});
