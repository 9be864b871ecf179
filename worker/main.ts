import { readServiceConfig } from '../src/config.ts';
import { messageOf } from '../src/core/errors.ts';
import { openLogger } from '../src/logger.ts';
import { readCommandLine } from './command-line.ts';
import { startWorkerProcess } from './worker-process.ts';

/** `npm run worker`: takes tasks until SIGTERM or SIGINT; exits 0 when it could stop, 1 when it could not start. */
const interrupted = new AbortController();
const interrupt = () => interrupted.abort(new Error('The worker was stopped before it had started'));
for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.once(event, interrupt);

try {
  const config = readServiceConfig(undefined, readCommandLine(process.argv.slice(2)));
  const logger = openLogger({ level: config.logLevel });
  const worker = await startWorkerProcess(config, logger, interrupted.signal);
  logger.info({ worker: worker.workerId, queues: worker.queues, concurrency: config.concurrency }, 'Worker ready');
  process.send?.({ type: 'ready' });
  await new Promise<void>((resolve) => {
    if (interrupted.signal.aborted) resolve();
    interrupted.signal.addEventListener('abort', () => resolve());
  });
  logger.info('Worker is stopping');
  await worker.stop();
  logger.info('Worker stopped');
  process.exit(0);
} catch (error) {
  if (interrupted.signal.aborted) process.exit(0);
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
