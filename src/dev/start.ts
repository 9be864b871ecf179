import { createServer } from 'node:net';
import { once } from 'node:events';
import { readConfig } from '../config.ts';
import { messageOf } from '../core/errors.ts';
import { openLogger } from '../logger.ts';
import { requireNoArguments } from '../require-no-arguments.ts';
import { startStack } from './stack.ts';

/**
 * `npm start`: everything in one terminal. Ctrl-C ends every process that it started; a second Ctrl-C ends them at once.
 * Exits 1 when something is in the way.
 */
const interrupted = Promise.withResolvers<undefined>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => interrupted.resolve(undefined));

try {
  requireNoArguments();
  const config = readConfig();
  await requireFreePort(config.host, config.port);
  const logger = openLogger({ level: config.logLevel });
  logger.info('Taskwire is starting …');
  const stack = await startStack({ config, logger });
  process.stdout.write(welcome(stack.url));
  const broken = await Promise.race([interrupted.promise, stack.broken]);
  if (broken !== undefined) logger.error(`${broken}; stopping the rest`);
  else logger.info('Stopping …');
  await stack.stop();
  logger.info('Stopped');
  process.exit(broken === undefined ? 0 : 1);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}

/** Before anything is started: what takes the port is most likely another Taskwire. */
async function requireFreePort(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    const problem = `Port ${port} on ${host} is in use, perhaps by another Taskwire (${messageOf(cause)}).`;
    throw new Error(`${problem} Stop what uses it, or set PORT to another port and DATA_DIR to another folder.`, {
      cause,
    });
  } finally {
    server.close();
  }
}

function welcome(url: string): string {
  return `
  Taskwire runs. GraphiQL: ${url}

  Enqueue a task:

    mutation { enqueueCountdown(input: { steps: 30, stepMs: 500 }) { task { id } userErrors { message } } }

  and follow it live, with the id that you got:

    subscription { taskEvents(id: "…") { sequence type progress { percent etaSeconds } result } }

  Ctrl-C stops everything; your data stays for the next start.

`;
}
