import { DelayedError, type Job, type RateLimiterOptions, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { taskIdOf } from '../src/queue/task-queues.ts';
import { queues } from '../src/tasks/queues.ts';
import { executeTask } from './execute-task.ts';
import type { WorkerResources } from './worker-resources.ts';

/** When a worker could not even look at a task (it is stopping), another one does so soon. */
const GIVE_BACK_MS = 1000;
/** BullMQ's own limit must never drop a job: the losses of a worker are counted in Postgres. */
const STALLED_MAX = Number.MAX_SAFE_INTEGER;

export interface TaskWorkerOptions {
  queue: string;
  /** Tasks at once. */
  concurrency: number;
  keyPrefix: string;
  /** In the role of a consumer. */
  redis: Redis;
  resources: WorkerResources;
}

/** BullMQ ⇄ {@link executeTask}, for one queue. It takes nothing before `run()`. */
export function openTaskWorker({ queue, concurrency, keyPrefix, redis, resources }: TaskWorkerOptions): Worker {
  const { lostAfterMs, logger } = resources;
  const worker = new Worker(queue, (job, token) => work(resources, job, token), {
    connection: redis,
    prefix: keyPrefix,
    autorun: false,
    concurrency,
    lockDuration: lostAfterMs,
    stalledInterval: Math.ceil(lostAfterMs / 2),
    maxStalledCount: STALLED_MAX,
    ...limiterOf(queue),
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  worker.on('error', (error) => logger.debug({ queue, error: error.message }, 'BullMQ worker'));
  worker.on('failed', (job, error) =>
    logger.debug({ queue, job: job?.id, error: error.message }, 'A job was lost to Redis'),
  );
  return worker;
}

function limiterOf(queue: string): { limiter?: RateLimiterOptions } {
  const limit = queues[queue]?.rateLimit;
  return limit ? { limiter: { max: limit.max, duration: limit.perSeconds * 1000 } } : {};
}

async function work(resources: WorkerResources, job: Job, token: string | undefined): Promise<null> {
  const taskId = taskIdOf(job.id ?? '');
  const execution = await executeTask(resources, taskId, job.name).catch((error: unknown) => {
    resources.logger.error({ taskId, error }, 'The task goes back to its queue');
    return { kind: 'later', delayMs: GIVE_BACK_MS } as const;
  });
  if (execution.kind === 'done') return null;
  await job.moveToDelayed(Date.now() + Math.ceil(execution.delayMs), token);
  throw new DelayedError();
}
