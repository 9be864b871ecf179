import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';

/** How a connection behaves while Redis is away. */
export type RedisRole =
  /** Commands fail at once or after 2 s: somebody waits for them, and the reconciler makes up for what failed. */
  | 'producer'
  /** Commands wait until Redis is back: BullMQ's workers, and subscriptions. */
  | 'consumer';

const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1000;
const COMMAND_TIMEOUT_MS = 2000;

const ROLE_OPTIONS: Record<RedisRole, RedisOptions> = {
  producer: { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: COMMAND_TIMEOUT_MS },
  consumer: { enableOfflineQueue: true, maxRetriesPerRequest: null },
};

/**
 * Opens a connection that comes back by itself: 50 ms, 100 ms … 1 s between tries, for ever. It logs once when Redis goes
 * and once when it is back. Close it with `disconnect()`.
 */
export function openRedis(url: string, role: RedisRole, logger: Logger): Redis {
  const redis = new Redis(url, {
    ...ROLE_OPTIONS[role],
    enableAutoPipelining: true, // commands of one turn of the event loop travel together
    retryStrategy: (times) => Math.min(RECONNECT_MAX_MS, times * RECONNECT_MIN_MS),
  });
  let away = false;
  redis.on('error', (error: Error) => {
    if (!away) logger.warn({ error: error.message }, 'Redis is away; tasks are still accepted and run when it is back');
    away = true;
  });
  redis.on('ready', () => {
    if (away) logger.info('Redis is back');
    away = false;
  });
  return redis;
}

/**
 * Why this Redis must not hold tasks, or undefined when it may. Any eviction policy but `noeviction` deletes waiting jobs
 * when memory is short. A service that hides its configuration gets the benefit of the doubt.
 */
export async function findRedisProblem(redis: Redis): Promise<string | undefined> {
  const policy = await redis.config('GET', 'maxmemory-policy').catch(() => undefined);
  const value = Array.isArray(policy) ? String(policy[1] ?? '') : '';
  if (value === '' || value === 'noeviction') return undefined;
  return `expected Redis to have maxmemory-policy noeviction, got: ${value}. Set it with: redis-cli config set maxmemory-policy noeviction`;
}
