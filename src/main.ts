import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { readServiceConfig, type ServiceConfig } from './config.ts';
import { ConfigurationError } from './core/errors.ts';
import { createApiServer } from './http/server.ts';
import { GRAPHQL_PATH } from './http/yoga.ts';
import { openLogger } from './logger.ts';
import { requireNoArguments } from './require-no-arguments.ts';
import { openService } from './service.ts';

/** The API: reads the configuration, opens what it needs, listens, and closes it all in reverse when it is told to end. */

const config = readConfigOrExit();
const logger = openLogger({ level: config.logLevel });
const service = await openService(config, logger);
const { resources } = service;
const api = createApiServer({ resources, catalog: resources.catalog, production: config.production, logger });

for (const signal of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.once(signal, () => void stop());
await listen(api.server, config);
const url = urlOf(api.server, config.host);
logger.info({ url }, 'API listens');
process.send?.({ type: 'ready', url });

async function stop(): Promise<never> {
  await api.close();
  await service.close();
  process.exit(0);
}

function readConfigOrExit(): ServiceConfig {
  try {
    requireNoArguments();
    return readServiceConfig();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** Exits when the port cannot be had. */
function listen(server: Server, { port, host }: ServiceConfig): Promise<void> {
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'something listens there already' : error.message;
      process.stderr.write(`Cannot listen on port ${port} of ${host}: ${why}. Set PORT (or HOST) to something else.\n`);
      process.exit(1);
    });
    server.listen(port, host, resolve);
  });
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}${GRAPHQL_PATH}`;
}
