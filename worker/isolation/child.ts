import { fork } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ChildLimits, Isolation } from '../../src/core/define-task.ts';
import { type FromChild, LIFELINE_FD, type ToChild } from './messages.ts';

const CHILD_SCRIPT = join(import.meta.dirname, 'child-main.ts');
/** During a run a child may hold so many times what it may hold between two; past it, it ends. */
const MEMORY_FACTOR = 4;

/** An isolated process or thread. */
export interface Child {
  /** Does nothing when the child has ended. */
  send(message: ToChild): void;
  /** Sets the one listener. */
  onMessage(listener: (message: FromChild) => void): void;
  /** Resolves with how it ended; never rejects. */
  exited: Promise<string>;
  /** Ends it at once, whatever it does. */
  kill(): void;
}

/** Starts a child, whose sessions in Postgres get the given name. It takes runs from the first moment on; they wait until it is up. */
export function startChild(
  isolation: Exclude<Isolation, 'inline'>,
  { maxMemoryMb }: ChildLimits,
  applicationName: string,
): Child {
  const mostMb = maxMemoryMb * MEMORY_FACTOR;
  return isolation === 'process' ? startProcess(mostMb, applicationName) : startThread(mostMb, applicationName);
}

/** Its standard input is empty; the lifeline ends it with this process and brings its last word. */
function startProcess(mostMb: number, applicationName: string): Child {
  const child = fork(CHILD_SCRIPT, [applicationName, String(mostMb)], {
    execArgv: [`--max-old-space-size=${mostMb}`],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
  });
  let listener: (message: FromChild) => void = () => undefined;
  let problem: string | undefined;
  child.stdio[LIFELINE_FD]?.on('data', (text) => (problem = String(text)));
  child.stdio[LIFELINE_FD]?.on('error', () => undefined); // of a child that was killed
  child.on('message', (message) => listener(message as FromChild));
  const exited = new Promise<string>((resolve) => {
    child.on('error', (error) => child.pid === undefined && resolve(error.message)); // else a message came too late
    child.on('close', (code, signal) => resolve(problem ?? (signal ? `killed by ${signal}` : `exit code ${code}`)));
  });
  return {
    send: (message) => void (child.connected && child.send(message)),
    onMessage: (newListener) => (listener = newListener),
    exited,
    kill: () => child.kill('SIGKILL'),
  };
}

function startThread(mostMb: number, applicationName: string): Child {
  const thread = new Worker(CHILD_SCRIPT, {
    workerData: applicationName,
    resourceLimits: { maxOldGenerationSizeMb: mostMb },
  });
  let listener: (message: FromChild) => void = () => undefined;
  let problem: string | undefined;
  thread.on('message', (message) => listener(message as FromChild));
  thread.on('error', (error) => (problem = error.message));
  const exited = new Promise<string>((resolve) => {
    thread.on('exit', (code) => resolve(problem ?? `exit code ${code}`));
  });
  return {
    send: (message) => thread.postMessage(message),
    onMessage: (newListener) => (listener = newListener),
    exited,
    kill: () => void thread.terminate(),
  };
}
