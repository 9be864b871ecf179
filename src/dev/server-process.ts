import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { SystemUser } from './run-tool.ts';

/** How to run a server program that stays in the foreground. */
export interface ServerCommand {
  file: string;
  args: string[];
  /** The folder that the server works in all its life; a server left by a killed run is known by it. */
  cwd: string;
  env?: NodeJS.ProcessEnv | undefined;
  /** Default: this process's own user. */
  user?: SystemUser | undefined;
}

/** One way to ask a server to end, and how long it may take before the next one is tried, in milliseconds. */
export interface StopStep {
  signal: NodeJS.Signals;
  waitMs: number;
}

export interface ServerProcess {
  readonly pid: number;
  /** Says how the process ended, such as «exit code 1» or «SIGKILL». Never rejects. */
  readonly exited: Promise<string>;
  /** Goes through the steps until the process has ended. */
  stop(steps: readonly StopStep[]): Promise<void>;
}

/**
 * Starts a server in a session of its own: a Ctrl-C in the terminal does not reach it, so that the order in which things
 * stop is ours. Its output goes to `logFile`; the run before is kept in `<logFile>.previous`. Should this process die
 * without stopping it, even by SIGKILL, the server is sent `orphanSignal`.
 *
 * @throws Error when the program can't be started.
 */
export async function startServer(
  command: ServerCommand,
  logFile: string,
  orphanSignal: NodeJS.Signals,
): Promise<ServerProcess> {
  await rename(logFile, `${logFile}.previous`).catch(() => {}); // there is none before the first start
  await using log = await open(logFile, 'w');
  const { file, args, cwd, env = process.env, user } = command;
  const child = spawn(file, args, { cwd, env, ...user, detached: true, stdio: ['ignore', log.fd, log.fd] });
  const pid = await pidOf(child, file);
  const dismissWatchman = postWatchman(pid, orphanSignal);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      void dismissWatchman().then(() => resolve(signal ?? `exit code ${code}`));
    });
  });
  return { pid, exited, stop: (steps) => stopInSteps(pid, exited, steps) };
}

async function pidOf(child: ChildProcess, file: string): Promise<number> {
  const cause = await once(child, 'spawn').catch((error: Error) => error);
  if (child.pid !== undefined) return child.pid;
  throw new Error(`Expected to start ${file}, got: ${(cause as Error).message}`, { cause });
}

/**
 * A small shell that reads from a pipe whose other end only we hold. A line says that all is over; the end of the pipe
 * without a line means that we died, and then the shell sends the server the signal that we no longer can.
 */
function postWatchman(pid: number, signal: NodeJS.Signals): () => Promise<void> {
  const script = 'read -r line || kill -s "$1" "$2"';
  const watchman = spawn('/bin/sh', ['-c', script, 'sh', signal.slice('SIG'.length), String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = new Promise<void>((resolve) => {
    watchman.once('exit', () => resolve());
    watchman.on('error', () => resolve()); // without a shell the next start stops what was left
  });
  watchman.stdin.on('error', () => {});
  return () => {
    watchman.stdin.end('over\n');
    return gone;
  };
}

async function stopInSteps(pid: number, exited: Promise<string>, steps: readonly StopStep[]): Promise<void> {
  for (const { signal, waitMs } of steps) {
    sendSignal(pid, signal);
    const timer = new AbortController();
    const late = delay(waitMs, 'late', { signal: timer.signal }).catch(() => 'late');
    const outcome = await Promise.race([exited, late]);
    timer.abort();
    if (outcome !== 'late') return;
  }
  await exited;
}

/** Does nothing when the process has ended already. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
