import { once } from 'node:events';
import { pino } from 'pino';
import { expect } from 'vitest';
import type { Logger } from '../../src/logger.ts';
import { findRedisProblem, openRedis } from '../../src/queue/redis.ts';
import { test } from '../support/world.ts';

/** A log whose messages are kept. */
function openLog(): { messages: string[]; logger: Logger } {
  const messages: string[] = [];
  const logger = pino(
    { level: 'info' },
    { write: (line: string) => messages.push((JSON.parse(line) as { msg: string }).msg) },
  );
  return { messages, logger };
}

test('a connection comes back by itself; that Redis was away is said once, and so is that it is back', async ({
  services,
}) => {
  const { messages, logger } = openLog();
  const producer = openRedis(services.redisUrl, 'producer', logger);
  const consumer = openRedis(services.redisUrl, 'consumer', pino({ level: 'silent' }));
  await Promise.all([once(producer, 'ready'), once(consumer, 'ready')]);

  await services.redis.stop();
  const failed = await producer.ping().catch((error: Error) => error.message);
  const waiting = consumer.ping();
  for (let errors = 0; errors < 3; errors += 1) await once(producer, 'error');
  const back = new Promise<void>((resolve) => producer.once('ready', resolve)); // `once` would reject with the errors until then
  await services.redis.start();
  await back;

  expect(failed).toMatch(/enableOfflineQueue|closed/i);
  expect(await waiting).toBe('PONG');
  expect(await producer.ping()).toBe('PONG');
  expect(messages).toEqual(['Redis is away; tasks are still accepted and run when it is back', 'Redis is back']);
  producer.disconnect();
  consumer.disconnect();
});

test('a Redis that evicts must not hold tasks', async ({ services }) => {
  const redis = openRedis(services.redisUrl, 'producer', pino({ level: 'silent' }));
  await once(redis, 'ready');

  const before = await findRedisProblem(redis);
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const evicting = await findRedisProblem(redis);
  await redis.acl('SETUSER', 'default', '-config');
  const hidden = await findRedisProblem(redis);

  expect(before).toBeUndefined();
  expect(evicting).toBe(
    'expected Redis to have maxmemory-policy noeviction, got: allkeys-lru. Set it with: redis-cli config set maxmemory-policy noeviction',
  );
  expect(hidden).toBeUndefined();
  redis.disconnect();
});
