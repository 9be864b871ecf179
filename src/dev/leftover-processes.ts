import { readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runTool } from './run-tool.ts';
import { type StopStep, sendSignal } from './server-process.ts';

const POLL_MS = 20;

/**
 * Ends what a killed run has left working in `folder`: a server, or children of a server that has itself been killed.
 * Call it only while holding the folder's lock, so that they can't be anybody else's.
 *
 * @param programs file names of the programs that may be ended; not, for instance, a shell that stands in the folder.
 * @returns the ids of the processes that were found.
 * @throws Error when they don't end.
 */
export async function endLeftovers(
  folder: string,
  programs: readonly string[],
  steps: readonly StopStep[],
): Promise<number[]> {
  const found = await processesIn(folder, programs);
  let left = found;
  for (const { signal, waitMs } of steps) {
    for (const pid of left) sendSignal(pid, signal);
    const deadline = performance.now() + waitMs;
    while (left.length > 0 && performance.now() < deadline) {
      await delay(POLL_MS);
      left = await processesIn(folder, programs);
    }
  }
  if (left.length === 0) return found;
  throw new Error(
    `Expected the processes that a killed run left in ${folder} to end, got still running: ${left.join(', ')}`,
  );
}

/** A process that has ended and waits to be reaped is none. */
async function processesIn(folder: string, programs: readonly string[]): Promise<number[]> {
  const realFolder = await realpath(folder).catch(() => undefined);
  if (realFolder === undefined) return [];
  return process.platform === 'linux' ? findInProc(realFolder, programs) : findByPs(folder, programs);
}

async function findInProc(folder: string, programs: readonly string[]): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const matches = await Promise.all(
    pids.map(async (pid) => {
      if ((await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) !== folder) return false;
      const program = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return programs.includes(program.trim());
    }),
  );
  return pids.filter((_, index) => matches[index]).map(Number);
}

/** Where there is no /proc: the folder is an argument of the server's; its children show other arguments, and are missed. */
async function findByPs(folder: string, programs: readonly string[]): Promise<number[]> {
  const lines = (await runTool('ps', ['-axww', '-o', 'pid=,command='])).split('\n');
  return lines.flatMap((line) => {
    const [, pid = '', program = '', rest = ''] = /^\s*(\d+)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
    return programs.includes(basename(program)) && rest.includes(folder) ? [Number(pid)] : [];
  });
}
