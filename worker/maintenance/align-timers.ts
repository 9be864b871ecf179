import type { Redis } from 'ioredis';
import type { Sql } from '../../src/db/sql.ts';
import { listTimings } from '../../src/db/statements/find-schedules.ts';
import type { Logger } from '../../src/logger.ts';
import type { ScheduleTimers } from '../../src/queue/schedule-timers.ts';

/** Longer than a pass takes; one that dies in it holds the others up no longer. */
const LEASE_MS = 5000;

export interface AlignTimersOptions {
  /** In the role of a producer. */
  redis: Redis;
  timers: ScheduleTimers;
  sql: Sql;
  keyPrefix: string;
  /** Between two passes of any worker. */
  intervalMs: number;
  logger: Logger;
}

/**
 * Brings BullMQ's timers in line with the schedules in Postgres, unless another worker has just done it or Redis is away:
 * after FLUSHALL, after a change that Redis did not hear of, after a deployment.
 */
export async function alignTimers(options: AlignTimersOptions): Promise<void> {
  const { redis, timers, sql, keyPrefix, intervalMs, logger } = options;
  if (!timers.available) return;
  const leaseKey = `${keyPrefix}:schedule-timers-lease`;
  if ((await redis.set(leaseKey, '1', 'PX', LEASE_MS, 'NX')) !== 'OK') return;
  try {
    const changed = await timers.align(await listTimings(sql));
    if (changed > 0) logger.info({ timers: changed }, 'Timers of schedules are set anew');
  } finally {
    await redis.pexpire(leaseKey, Math.max(1, Math.floor(intervalMs * 0.8)));
  }
}
