import { type JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { DispatchableTask } from '../db/statements/find-undispatched.ts';

/** A *job* is BullMQ's object. It carries the id and the name of a task and no more; everything else is in Postgres. */
const JOB_DATA = {};

const JOB_OPTIONS: JobsOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true };

export interface TaskQueuesOptions {
  /** In the role of a producer. */
  redis: Redis;
  keyPrefix: string;
  logger: Logger;
}

/** The one door to BullMQ for all that does not run tasks. */
export class TaskQueues {
  readonly #options: TaskQueuesOptions;
  readonly #queues = new Map<string, Queue>();

  constructor(options: TaskQueuesOptions) {
    this.#options = options;
  }

  /** Whether Redis answers. */
  get available(): boolean {
    return this.#options.redis.status === 'ready';
  }

  /** Adds a job for each task; a task that has one keeps it. Rejects when Redis is away. */
  async add(tasks: readonly DispatchableTask[]): Promise<void> {
    if (!this.available) throw new Error('Redis is away');
    const byQueue = Map.groupBy(tasks, ({ queue }) => queue);
    await Promise.all([...byQueue].map(([queue, ofQueue]) => this.#queue(queue).addBulk(ofQueue.map(toJob))));
  }

  /** Adds a job for each task that has none; answers how many had none. Rejects when Redis is away. */
  async addMissing(tasks: readonly DispatchableTask[]): Promise<number> {
    if (tasks.length === 0) return 0;
    const pipeline = this.#options.redis.pipeline();
    for (const task of tasks) pipeline.exists(this.#queue(task.queue).toKey(jobIdOf(task)));
    const replies = (await pipeline.exec()) ?? [];
    for (const [error] of replies) if (error) throw error;
    const missing = tasks.filter((_, index) => replies[index]?.[1] === 0);
    if (missing.length > 0) await this.add(missing);
    return missing.length;
  }

  /** Takes a task's job away unless it is being worked on. Does nothing when Redis is away: the job is harmless. */
  async remove(task: Pick<DispatchableTask, 'id' | 'run' | 'queue'>): Promise<void> {
    if (!this.available) return;
    await this.#queue(task.queue)
      .remove(jobIdOf(task))
      .catch((error: Error) => {
        this.#options.logger.debug(
          { taskId: task.id, error: error.message },
          'the job of an ended task stays until a worker sees it',
        );
      });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    this.#queues.clear();
  }

  #queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known) return known;
    const { redis, keyPrefix, logger } = this.#options;
    const queue = new Queue(name, { connection: redis, prefix: keyPrefix, defaultJobOptions: JOB_OPTIONS });
    queue.on('error', (error) => logger.debug({ queue: name, error: error.message }, 'BullMQ queue'));
    this.#queues.set(name, queue);
    return queue;
  }
}

function toJob(task: DispatchableTask) {
  const { name, priority, delayMs } = task;
  return { name, data: JOB_DATA, opts: { jobId: jobIdOf(task), priority, delay: Math.ceil(delayMs) } };
}

/**
 * A task's job has its id. One that is run again by hand, or was parked, gets another one: the last one may not be gone yet,
 * and would take the new one's place until it is.
 */
function jobIdOf({ id, run }: Pick<DispatchableTask, 'id' | 'run'>): string {
  return run === 1 ? id : `${id}-${run}`;
}

const ID_LENGTH = 36;

/** The task of a job. */
export function taskIdOf(jobId: string): string {
  return jobId.slice(0, ID_LENGTH);
}
