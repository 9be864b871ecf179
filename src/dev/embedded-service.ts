import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TaskwireError } from '../core/errors.ts';
import { type DataFolderLock, lockDataFolder } from './data-folder-lock.ts';
import { endLeftovers } from './leftover-processes.ts';
import { type ServerCommand, type ServerProcess, type StopStep, startServer } from './server-process.ts';

/** What differs between the servers; {@link EmbeddedService} is what they share. */
export interface ServiceRecipe {
  /** For messages: «PostgreSQL». */
  name: string;
  /** Everything the service keeps; locked while it runs. */
  folder: string;
  /** Called after the first `prepare`. */
  url(): string;
  port: number;
  /** Its working folder. */
  workFolder: string;
  /** File names of the server's program: what a killed run may have left running in the working folder. */
  programs: readonly string[];
  /** Gentlest first. */
  stopSteps: readonly [StopStep, ...StopStep[]];
  /** Called before each start with the folder's lock held and no leftover running. */
  prepare(): Promise<ServerCommand>;
  /** Resolves when the server takes commands; `signal` aborts when nobody waits any more. */
  untilReady(pid: number, signal: AbortSignal): Promise<void>;
  /** Progress, a line each. */
  log(line: string): void;
}

const START_TIMEOUT_MS = 60_000;
const SHOWN_LOG_LINES = 15;

/** An embedded server did not start. The message ends with the last lines of its log. */
export class EmbeddedServiceError extends TaskwireError {
  constructor(name: string, problem: string, logFile: string, lastLines: string) {
    super('EMBEDDED_SERVICE', `${name} did not start: ${problem}. The end of ${logFile}:\n${lastLines}`);
  }
}

/**
 * A server that belongs to this process: started and stopped by it, and stopped when it dies. Its data stay in the
 * folder. `start` and `stop` do nothing when there is nothing to do, and calls that overlap take turns.
 */
export class EmbeddedService implements AsyncDisposable {
  readonly #recipe: ServiceRecipe;
  #running: { server: ServerProcess; lock: DataFolderLock } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #ended = Promise.withResolvers<string>();

  constructor(recipe: ServiceRecipe) {
    this.#recipe = recipe;
  }

  /** How clients reach it, with the password; the same after each start. */
  get url(): string {
    return this.#recipe.url();
  }

  /** On 127.0.0.1; the same after each start. */
  get port(): number {
    return this.#recipe.port;
  }

  /** Of the server process; undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#running?.server.pid;
  }

  /** Resolves with a sentence when the server first ends although nobody has stopped it. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /**
   * Starts the server on the same port and data, and resolves when it takes commands.
   *
   * @throws EmbeddedServiceError when it ends, or is not ready within 60 s.
   * @throws DataFolderInUseError while another live process holds the folder.
   */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running !== undefined) return;
      const lock = await lockDataFolder(this.#recipe.folder);
      try {
        const server = await this.#launch();
        this.#running = { server, lock };
        void server.exited.then((outcome) => this.#hasEnded(server, outcome));
      } catch (error) {
        lock.release();
        throw error;
      }
    });
  }

  /** Stops the server and waits until it has ended; the data stay. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      const running = this.#running;
      if (running === undefined) return;
      this.#running = undefined;
      await running.server.stop(this.#recipe.stopSteps);
      running.lock.release();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #launch(): Promise<ServerProcess> {
    const { folder, workFolder, programs, stopSteps, name } = this.#recipe;
    const leftovers = await endLeftovers(workFolder, programs, stopSteps);
    if (leftovers.length > 0)
      this.#recipe.log(`ended what a killed run left of ${name}: processes ${leftovers.join(', ')}`);
    const logFile = join(folder, 'server.log');
    const server = await startServer(await this.#recipe.prepare(), logFile, stopSteps[0].signal);
    const problem = await this.#problemWithStart(server);
    if (problem === undefined) return server;
    await server.stop(stopSteps);
    throw new EmbeddedServiceError(name, problem, logFile, await lastLines(logFile));
  }

  async #problemWithStart(server: ServerProcess): Promise<string | undefined> {
    const waiting = new AbortController();
    try {
      return await Promise.race([
        this.#recipe.untilReady(server.pid, waiting.signal).then(
          () => undefined,
          (error: Error) => error.message,
        ),
        server.exited.then((outcome) => `it ended with ${outcome}`),
        delay(START_TIMEOUT_MS, `it was not ready within ${START_TIMEOUT_MS / 1000} s`, { signal: waiting.signal }),
      ]);
    } finally {
      waiting.abort();
    }
  }

  #hasEnded(server: ServerProcess, outcome: string): void {
    if (this.#running?.server !== server) return;
    this.#running.lock.release();
    this.#running = undefined;
    const sentence = `${this.#recipe.name} (process ${server.pid}) ended by itself: ${outcome}`;
    this.#recipe.log(sentence);
    this.#ended.resolve(sentence);
  }
}

async function lastLines(file: string): Promise<string> {
  const content = await readFile(file, 'utf8').catch(() => '(no log)');
  return content.trimEnd().split('\n').slice(-SHOWN_LOG_LINES).join('\n');
}
