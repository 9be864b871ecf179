import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const PROJECT = join(import.meta.dirname, '..', '..');
/** Longer than the default grace of a worker. */
const KILL_AFTER_MS = 60_000;

export interface ChildServiceOptions {
  /** For messages: «The API». */
  name: string;
  /** Below the project. */
  script: string;
  /** Added to this process's own. */
  environment: Record<string, string>;
}

/** What a process of ours says when it is ready. */
export interface ReadyMessage {
  type: 'ready';
  url?: string;
}

/** A process of ours that this one has started. */
export interface ChildService {
  pid: number;
  ready: ReadyMessage;
  /** Resolves with a sentence when the process ends by itself; never after `stop()`. */
  ended: Promise<string>;
  /** SIGTERM, and SIGKILL when it is still there after a minute. */
  stop(): Promise<void>;
}

/**
 * Starts a script of the project and waits until it says that it is ready. It is in a process group of its own, so that
 * Ctrl-C in the terminal reaches only this process, which stops it in order; when this process is killed, the lost IPC
 * channel tells it to stop.
 *
 * Throws an `Error` when it ends before it is ready; its own output has said why.
 */
export async function startChildService({ name, script, environment }: ChildServiceOptions): Promise<ChildService> {
  const child = spawn(process.execPath, [join(PROJECT, script)], {
    cwd: PROJECT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  const exited = once(child, 'exit').then(([code, signal]) => `${name} ended with ${signal ?? `exit code ${code}`}`);
  const ready = await Promise.race([once(child, 'message').then(([message]) => message as ReadyMessage), exited]);
  if (typeof ready === 'string') throw new Error(`${ready} before it was ready`);
  let stopping = false;
  return {
    pid: child.pid ?? 0,
    ready,
    ended: new Promise((resolve) => {
      void exited.then((how) => {
        if (!stopping) resolve(how);
      });
    }),
    async stop() {
      stopping = true;
      await end(child, exited);
    },
  };
}

async function end(child: ChildProcess, exited: Promise<string>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await exited;
  clearTimeout(timer);
}
