import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { readServiceConfig } from '../../src/config.ts';
import { openLogger } from '../../src/logger.ts';
import { ChildSession } from './child-session.ts';
import type { FromChild, ToChild } from './messages.ts';

/** A child: runs one attempt after the other for its worker, until that says that it is over or is gone. */
const [, , nameArgument = '', maxMemoryMb] = process.argv;
if (isMainThread) {
  // Ctrl-C in a terminal reaches the whole group; the worker says when it is over.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  const guard = new Worker(join(import.meta.dirname, 'guard.ts'), { workerData: maxMemoryMb });
  guard.unref();
}
const config = readServiceConfig();
const logger = openLogger({ level: config.logLevel });
const applicationName = isMainThread ? nameArgument : String(workerData);
const session = await ChildSession.open(config, logger, send, applicationName);
if (isMainThread) process.on('message', receive);
else parentPort?.on('message', receive);

function send(message: FromChild): void {
  if (isMainThread) process.send?.(message);
  else parentPort?.postMessage(message);
}

function receive(message: ToChild): void {
  if (message.type === 'end') void session.close().finally(() => process.exit(0));
  else session.receive(message);
}
