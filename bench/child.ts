import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const PROJECT = join(import.meta.dirname, '..');
const KILL_AFTER_MS = 15_000;
const SHOWN_LOG_CHARACTERS = 4000;

export interface ChildOptions {
  /** For messages. */
  name: string;
  /** Below the project. */
  script: string;
  environment: Record<string, string>;
  /** Options of Node. */
  nodeOptions?: readonly string[];
  /** Gets standard output and standard error. */
  logFile: string;
}

interface Reply {
  id: number;
  value?: unknown;
  error?: string;
}

/**
 * A Node process that the benchmark has started: one of the product's, or one of its own that answers requests (see
 * `answer-requests.ts`). It is in a process group of its own, so that Ctrl-C reaches only the benchmark, and ends when the
 * channel to the benchmark is gone.
 */
export class Child implements AsyncDisposable {
  readonly pid: number;
  /** Where it listens, if it does. */
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #options: ChildOptions;
  readonly #ended: Promise<never>;
  #requests = 0;

  private constructor(child: ChildProcess, ended: Promise<never>, url: string, options: ChildOptions) {
    this.pid = child.pid ?? 0;
    this.url = url;
    this.#process = child;
    this.#ended = ended;
    this.#options = options;
  }

  /** Starts it and waits until it says that it is ready. Throws an `Error` with the end of its log when it ends before. */
  static async start(options: ChildOptions): Promise<Child> {
    const { script, environment, nodeOptions = [], logFile } = options;
    await using log = await open(logFile, 'a');
    const child = spawn(process.execPath, [...nodeOptions, join(PROJECT, script)], {
      cwd: PROJECT,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      detached: true,
    });
    const ended = once(child, 'exit').then(([code, signal]) => fail(options, String(signal ?? `exit code ${code}`)));
    ended.catch(() => undefined); // whoever waits for an answer hears of it
    const [ready] = await Promise.race([once(child, 'message'), ended]);
    return new Child(child, ended, (ready as { url?: string }).url ?? '', options);
  }

  /** Rejects when the process cannot do it, and when it ends meanwhile. */
  async request<Answer = void>(type: string, input: unknown = null): Promise<Answer> {
    this.#requests += 1;
    const id = this.#requests;
    const answered = new Promise<Reply>((resolve) => {
      const listener = (reply: Reply) => {
        if (reply.id !== id) return;
        this.#process.off('message', listener);
        resolve(reply);
      };
      this.#process.on('message', listener);
    });
    this.#process.send({ id, type, input }, () => undefined); // one that cannot be asked has ended
    const { value, error } = await Promise.race([answered, this.#ended]);
    if (error !== undefined) throw new Error(`${this.#options.name}, asked to ${type}: ${error}`);
    return value as Answer;
  }

  /** SIGTERM, and SIGKILL when it is still there after 15 s. Does nothing when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), KILL_AFTER_MS);
    await this.#ended.catch(() => undefined);
    clearTimeout(timer);
  }
}

async function fail({ name, logFile }: ChildOptions, how: string): Promise<never> {
  const log = await readFile(logFile, 'utf8').catch(() => '(no log)');
  throw new Error(`${name} ended with ${how}. The end of its log:\n${log.slice(-SHOWN_LOG_CHARACTERS)}`);
}
