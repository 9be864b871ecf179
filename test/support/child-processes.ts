import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const POLL_MS = 20;

/** A child process of a worker. */
export interface IsolatedChild {
  pid: number;
  parent: number;
  command: string;
}

/** What a worker and its child processes hold in memory at this moment, in MiB, by process id. */
export async function memoryOf(worker: { pid: number }): Promise<Map<number, number>> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,rss=']);
  const processes = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const family = processes.filter(([pid, parent]) => pid === worker.pid || parent === worker.pid);
  return new Map(family.map(([pid = 0, , kilobytes = 0]) => [pid, kilobytes / 1024]));
}

/** All children of workers on this machine that are there at this moment and fit. */
export async function listChildren(fits: (child: IsolatedChild) => boolean): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,args=']);
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*child-main\.ts.*)$/.exec(line))
    .filter((match) => match !== null && !match[3]?.startsWith('Z'))
    .map((match) => ({ pid: Number(match?.[1]), parent: Number(match?.[2]), command: match?.[4] ?? '' }))
    .filter(fits)
    .map(({ pid }) => pid);
}

/** The child processes of a worker. */
export function childrenOf(worker: { pid: number }): Promise<number[]> {
  return listChildren(({ parent }) => parent === worker.pid);
}

/** Resolves with the first of a worker's children. */
export async function untilChildOf(worker: { pid: number }): Promise<number> {
  for (;;) {
    const [first] = await childrenOf(worker);
    if (first !== undefined) return first;
    await delay(POLL_MS);
  }
}

/** Resolves when a process, all its threads together, has computed for so long from now on. */
export async function untilComputed(pid: number, ms: number): Promise<void> {
  const since = await computedMs(pid);
  while ((await computedMs(pid)) - since < ms) await delay(POLL_MS);
}

/** proc_pid_stat(5): the 14th and the 15th field, in hundredths of a second; the 2nd one ends with the last parenthesis. */
async function computedMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resolves with the milliseconds that it took until a process was gone. */
export async function untilGone(pid: number): Promise<number> {
  const since = performance.now();
  while ((await listChildren((child) => child.pid === pid)).length > 0) await delay(POLL_MS);
  return performance.now() - since;
}
