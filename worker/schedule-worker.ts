import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { type FireResources, fireSchedule } from '../src/operations/fire-schedules.ts';
import { SCHEDULE_QUEUE, SCHEDULE_SETTINGS } from '../src/queue/schedule-timers.ts';

/** Schedules that one worker fires at once. */
const CONCURRENCY = 5;

export interface ScheduleWorkerOptions {
  keyPrefix: string;
  /** In the role of a consumer. */
  redis: Redis;
  resources: FireResources;
}

/**
 * Timers of schedules ⇄ {@link fireSchedule}. A job that fails is not tried again: the schedule is still due in Postgres,
 * where the backstop finds it. It takes nothing before `run()`.
 */
export function openScheduleWorker({ keyPrefix, redis, resources }: ScheduleWorkerOptions): Worker<{ key: string }> {
  const worker = new Worker<{ key: string }>(
    SCHEDULE_QUEUE,
    async ({ data, timestamp, opts }) => {
      await fireSchedule(resources, data.key, { woken: new Date(timestamp + (opts.delay ?? 0)) });
    },
    {
      connection: redis,
      prefix: keyPrefix,
      autorun: false,
      concurrency: CONCURRENCY,
      settings: SCHEDULE_SETTINGS,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
  );
  worker.on('error', (error) => resources.logger.debug({ error: error.message }, 'BullMQ worker of the schedules'));
  worker.on('failed', (job, error) =>
    resources.logger.warn({ schedule: job?.data.key, err: error }, 'A schedule could not fire; it is tried again'),
  );
  return worker;
}
