import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems hand to outgoing connections (32768 and up on Linux, 49152 and up elsewhere). A server
 * that is stopped and started again could otherwise find its port taken by a client: even by its own, because a client
 * that keeps dialling a closed port on the same machine can be given that port as its source and connect to itself.
 */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;
const MOST_TRIES = 50;

/**
 * A TCP port of 127.0.0.1 on which nothing listens, between 20000 and 32000, picked at random so that two processes
 * that ask at once hardly ever get the same. Nothing holds the port: listen on it soon.
 *
 * @throws Error when 50 ports in a row were taken.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    if (await isPortFree(port)) return port;
  }
  throw new Error(`Expected a free port between ${LOWEST_PORT} and ${HIGHEST_PORT}, got ${MOST_TRIES} that are in use`);
}

async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
