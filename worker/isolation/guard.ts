import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';
import { LIFELINE_FD, MEBIBYTE } from './messages.ts';

/**
 * A thread of a child process that works whatever the handler beside it does, even if that never yields: it ends the
 * process when its worker is gone (the other end of the lifeline closes then, however it went), and when the process holds
 * more memory than it may.
 */
const maxMemoryMb = Number(workerData);
const CHECK_INTERVAL_MS = 500;

const lifeline = new Socket({ fd: LIFELINE_FD });
lifeline.on('error', end);
lifeline.on('close', end);
lifeline.resume();
setInterval(() => {
  const heldMb = Math.round(process.memoryUsage.rss() / MEBIBYTE);
  if (heldMb <= maxMemoryMb) return;
  lifeline.write(`it held ${heldMb} MiB, where ${maxMemoryMb} are the most`, end);
}, CHECK_INTERVAL_MS);

function end(): void {
  process.kill(process.pid, 'SIGKILL');
}
