import { ApiClient } from './api-client.ts';
import { ManagedProcess } from './managed-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { test as base, type World } from './world.ts';

/** A worker is lost after so long: short, so that tests of losses take seconds. */
const LOST_AFTER_SECONDS = 2;

/** Preloaded by processes that offer the tests' own tasks too. */
const TEST_TASKS = new URL('tasks/offer.ts', import.meta.url).href;

/** A running API and the client for it. */
export interface RunningApi {
  process: ManagedProcess;
  client: ApiClient;
}

/** Starts processes of the product on a test's own database and keys; stops what is left when the test ends. */
export class Taskwire implements AsyncDisposable {
  readonly environment: Record<string, string>;
  readonly #processes: ManagedProcess[] = [];

  constructor({ databaseUrl, redisUrl, prefix }: World, dataDir: string) {
    this.environment = {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      KEY_PREFIX: prefix,
      DATA_DIR: dataDir,
      PORT: '0',
      LOG_LEVEL: 'debug',
      WORKER_LOST_AFTER_SECONDS: String(LOST_AFTER_SECONDS),
    };
  }

  /** What starts from now on offers the tasks of `tasks/contracts.ts` too. */
  offerTestTasks(): void {
    this.environment['NODE_OPTIONS'] = `--import=${TEST_TASKS}`;
  }

  /** Starts a script without waiting for it. */
  spawn(script: string, environment: Record<string, string> = {}, args: readonly string[] = []): ManagedProcess {
    return this.track(new ManagedProcess(script, { ...this.environment, ...environment }, args));
  }

  /** Ends a process when the test ends, if it has not ended by then. */
  track(started: ManagedProcess): ManagedProcess {
    this.#processes.push(started);
    return started;
  }

  /** Starts an API and waits until it listens. */
  async startApi(environment: Record<string, string> = {}): Promise<RunningApi> {
    const started = this.spawn('src/main.ts', environment);
    const { url } = await started.ready();
    if (!url) throw new Error('expected the API to say its address, got none');
    return { process: started, client: new ApiClient(url) };
  }

  /** Starts a worker and waits until it takes tasks. */
  async startWorker(environment: Record<string, string> = {}): Promise<ManagedProcess> {
    const started = this.spawn('worker/main.ts', environment);
    await started.ready();
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((started) => started[Symbol.asyncDispose]()));
  }
}

/**
 * The tests' `test` with two more fixtures:
 *
 * - `taskwire`: on the shared Postgres and Redis, in a world of its own.
 * - `isolated`: on a Postgres and a Redis of its own, which the test may stop and start (`services`).
 */
export const test = base
  .extend('taskwire', async ({ world }, { onCleanup }) => {
    const folder = await temporaryFolder();
    const taskwire = new Taskwire(world, folder.path);
    onCleanup(async () => {
      await taskwire[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    return taskwire;
  })
  .extend('isolated', async ({ services }, { onCleanup }) => {
    const folder = await temporaryFolder();
    const { databaseUrl, redisUrl } = services;
    const taskwire = new Taskwire({ databaseUrl, redisUrl, prefix: 'taskwire' }, folder.path);
    onCleanup(async () => {
      await taskwire[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    return taskwire;
  });
