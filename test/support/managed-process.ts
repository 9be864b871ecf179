import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const PROJECT = join(import.meta.dirname, '..', '..');

/** A line of a process's log; what is not JSON has only `msg`. */
export interface LogLine {
  msg: string;
  level?: number;
  [field: string]: unknown;
}

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process of the product, started by a test. */
export class ManagedProcess implements AsyncDisposable {
  readonly exited: Promise<Exit>;
  /** Standard output, a line each, so far. */
  readonly lines: LogLine[] = [];
  /** Standard error so far. */
  stderr = '';
  readonly #child: ChildProcess;
  readonly #ready: Promise<{ url?: string }>;
  readonly #listeners = new Set<(line: LogLine) => void>();

  /** Runs a script (below the project, or anywhere by its absolute path) with the given environment and nothing of this process's own but what Node needs. */
  constructor(script: string, environment: Record<string, string>, args: readonly string[] = []) {
    this.#child = spawn(process.execPath, [resolve(PROJECT, script), ...args], {
      cwd: PROJECT,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.exited = once(this.#child, 'close').then(([code, signal]): Exit => ({ code, signal }));
    this.#ready = once(this.#child, 'message').then(([message]) => message as { url?: string });
    this.#ready.catch(() => undefined);
    if (this.#child.stdout) createInterface(this.#child.stdout).on('line', (text) => this.#read(text));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when the process says that it is ready. Rejects with what it printed when it ends before. */
  async ready(): Promise<{ url?: string }> {
    const first = await Promise.race([this.#ready, this.exited]);
    if ('code' in first) throw new Error(`the process ended with ${first.code} before it was ready: ${this.#output()}`);
    return first;
  }

  /** The first line, past or future, that fits. Rejects when the process ends without one. */
  async waitForLine(fits: (line: LogLine) => boolean): Promise<LogLine> {
    const known = this.lines.find(fits);
    if (known) return known;
    const { promise, resolve } = Promise.withResolvers<LogLine>();
    const listener = (line: LogLine) => fits(line) && resolve(line);
    this.#listeners.add(listener);
    try {
      const found = await Promise.race([promise, this.exited]);
      if ('msg' in found) return found;
      throw new Error(`the process ended without the line: ${this.#output()}`);
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** Sends a signal without waiting for anything. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** SIGTERM; resolves with how it ended. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.exited;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.signal('SIGCONT');
      await this.kill();
    }
  }

  #read(text: string): void {
    const line = parseLine(text);
    this.lines.push(line);
    for (const listener of this.#listeners) listener(line);
  }

  #output(): string {
    return `${this.stderr}${this.lines.map((line) => JSON.stringify(line)).join('\n')}`;
  }
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { msg: text };
  }
}
