import type { WorkerResources } from './worker-resources.ts';

/**
 * A sliding log: the times of the last starts, of which at most `max` may lie within the window. Answers 0 and notes the
 * start, or the milliseconds until there is room. The clock is that of Redis, the same for all workers.
 */
const TAKE = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local window, max = tonumber(ARGV[1]), tonumber(ARGV[2])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
  if redis.call('ZCARD', KEYS[1]) < max then
    redis.call('ZADD', KEYS[1], now, ARGV[3])
    redis.call('PEXPIRE', KEYS[1], window)
    return 0
  end
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, oldest[2] + window - now)`;

/**
 * Milliseconds until an attempt of the task may start by its rate limit; 0 when it may now, and then it counts as started.
 * Rejects when Redis is away.
 */
export async function rateLimitWait(
  { catalog, redis, keyPrefix, newId }: WorkerResources,
  name: string,
): Promise<number> {
  const limit = catalog.find(name)?.rateLimit;
  if (!limit) return 0;
  const { max, perSeconds } = limit;
  return Number(await redis.eval(TAKE, 1, `${keyPrefix}:rate:${name}`, perSeconds * 1000, max, newId()));
}
