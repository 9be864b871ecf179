import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/dev/embedded-redis.ts';
import { EmbeddedServiceError } from '../../src/dev/embedded-service.ts';
import { FORGETFUL_REDIS, REDIS_CACHE_FOLDER } from '../support/services.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function start(dataDir: string, port?: number): Promise<EmbeddedRedis> {
  const options = { dataDir, cacheDir: REDIS_CACHE_FOLDER, settings: FORGETFUL_REDIS };
  return startEmbeddedRedis(port === undefined ? options : { ...options, port });
}

async function ask(url: string, command: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(url, { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null });
  client.on('error', () => {}); // the command's own rejection is what counts
  try {
    await client.connect();
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

test('it evicts nothing, appends what is written to a file and wakes 100 times a second', async () => {
  await using folder = await temporaryFolder();
  await using redis = await start(folder.path);

  const settings = await ask(redis.url, 'config', 'get', 'maxmemory-policy', 'appendonly', 'hz', 'bind', 'save');

  const [names, values] = [0, 1].map((odd) => (settings as string[]).filter((_, index) => index % 2 === odd));
  expect(Object.fromEntries(names!.map((name, index) => [name, values![index]]))).toEqual({
    'maxmemory-policy': 'noeviction',
    appendonly: 'yes',
    hz: '100',
    bind: '127.0.0.1',
    save: '',
  });
});

test('what is written is there after stop and start, on the same port, and after a kill', async () => {
  await using folder = await temporaryFolder();
  await using redis = await start(folder.path);
  const { url, port } = redis;
  await ask(url, 'set', 'answer', '42');

  await redis.stop();
  await redis.stop();
  await redis.start();
  expect(redis).toMatchObject({ url, port });
  expect(await ask(url, 'get', 'answer')).toBe('42');

  process.kill(redis.pid!, 'SIGKILL');
  await redis.ended;
  await redis.start();
  expect(await ask(url, 'get', 'answer')).toBe('42');
});

test('a port that is taken is an error that shows what the server said', async () => {
  await using folder = await temporaryFolder();
  await using occupant = createServer((socket) => socket.destroy());
  occupant.listen(0, '127.0.0.1');
  await once(occupant, 'listening');

  const failed = await start(folder.path, (occupant.address() as AddressInfo).port).catch((error: unknown) => error);

  expect(failed).toBeInstanceOf(EmbeddedServiceError);
  expect((failed as Error).message).toContain(
    `Redis did not start: it ended with exit code 1. The end of ${join(folder.path, 'server.log')}:`,
  );
  expect((failed as Error).message).toContain('Address already in use');
});

test('nobody gets in without the password', async () => {
  await using folder = await temporaryFolder();
  await using redis = await start(folder.path);

  await expect(ask(`redis://127.0.0.1:${redis.port}`, 'get', 'answer')).rejects.toThrow('NOAUTH');
});
