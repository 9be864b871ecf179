import { type JobSchedulerJson, Queue, type RepeatOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { nextFire, type Timing } from '../core/schedule.ts';

/** No task's queue has this name: theirs are in kebab-case. */
export const SCHEDULE_QUEUE = '_schedules';

/** A timer whose next job should have come so long ago has lost it. */
const OVERDUE_MS = 5000;

/** BullMQ's job scheduler of a schedule. */
export interface ScheduleTimer {
  key: string;
  /** Tells timings apart; see {@link patternOf}. */
  pattern: string;
  timeZone: string;
}

/** What queues and workers of the timers must have in common: BullMQ asks our own calendar when a timer is next. */
export const SCHEDULE_SETTINGS = {
  repeatStrategy: (after: number, { pattern = '', tz = 'UTC' }: RepeatOptions) =>
    nextFire(timingOf(pattern, tz), new Date(after))?.getTime(),
};

const EVERY = '@every ';

/** The timing of a schedule as BullMQ keeps it. */
function patternOf({ cron, everySeconds }: Timing): string {
  return cron ?? `${EVERY}${everySeconds}`;
}

function timingOf(pattern: string, timeZone: string): Timing {
  if (!pattern.startsWith(EVERY)) return { cron: pattern, everySeconds: null, timeZone };
  return { cron: null, everySeconds: Number(pattern.slice(EVERY.length)), timeZone };
}

export interface ScheduleTimersOptions {
  /** In the role of a producer. */
  redis: Redis;
  keyPrefix: string;
  logger: Logger;
}

/**
 * The timers of schedules: a job scheduler of BullMQ each, whose jobs carry the key of a schedule and only wake a worker.
 * What fires is decided in Postgres, so a timer that is missing, old or doubled costs a second at most.
 */
export class ScheduleTimers {
  readonly #options: ScheduleTimersOptions;
  #opened: Queue | undefined;

  constructor(options: ScheduleTimersOptions) {
    this.#options = options;
  }

  /** Whether Redis answers. */
  get available(): boolean {
    return this.#options.redis.status === 'ready';
  }

  /**
   * Brings the timers in line with these schedules, and no others; answers how many it changed. One that cannot be set, as
   * this process does not understand its timing, is logged and does not hold up the others.
   */
  async align(schedules: readonly (Timing & { key: string })[]): Promise<number> {
    const existing = new Map((await this.#queue.getJobSchedulers()).map((timer) => [timer.key, timer]));
    const wanted = new Map(schedules.map((schedule) => [schedule.key, schedule]));
    const changed = schedules.filter((schedule) => !isCurrent(existing.get(schedule.key), schedule));
    const leftover = [...existing.keys()].filter((key) => !wanted.has(key));
    let count = leftover.length;
    for (const schedule of changed) if (await this.#trySet(schedule)) count += 1;
    for (const key of leftover) await this.remove(key);
    return count;
  }

  /** Answers whether it worked. Rejects when Redis is away. */
  async #trySet(schedule: Timing & { key: string }): Promise<boolean> {
    try {
      await this.set(schedule);
      return true;
    } catch (error) {
      if (!this.available) throw error;
      this.#options.logger.warn({ schedule: schedule.key, err: error }, 'The timer of a schedule could not be set');
      return false;
    }
  }

  /** Sets a schedule's timer. Rejects when Redis is away. */
  async set(schedule: Timing & { key: string }): Promise<void> {
    const { key, timeZone } = schedule;
    const template = { name: 'fire', data: { key }, opts: { removeOnComplete: true, removeOnFail: true } };
    await this.#queue.upsertJobScheduler(key, { pattern: patternOf(schedule), tz: timeZone }, template);
  }

  /** Takes a schedule's timer away. Rejects when Redis is away. */
  async remove(key: string): Promise<void> {
    await this.#queue.removeJobScheduler(key);
  }

  /** Those that there are, sorted by key. */
  async list(): Promise<ScheduleTimer[]> {
    const timers = await this.#queue.getJobSchedulers();
    return timers
      .map(({ key, pattern = '', tz = 'UTC' }) => ({ key, pattern, timeZone: tz }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }

  async close(): Promise<void> {
    await this.#opened?.close();
    this.#opened = undefined;
  }

  /** Opened when it is first needed, as Redis may be away until then. */
  get #queue(): Queue {
    if (this.#opened) return this.#opened;
    const { redis, keyPrefix, logger } = this.#options;
    const queue = new Queue(SCHEDULE_QUEUE, { connection: redis, prefix: keyPrefix, settings: SCHEDULE_SETTINGS });
    queue.on('error', (error) => logger.debug({ error: error.message }, 'BullMQ queue of the schedules'));
    this.#opened = queue;
    return queue;
  }
}

function isCurrent(timer: JobSchedulerJson | undefined, schedule: Timing): boolean {
  if (!timer || (timer.next ?? 0) < Date.now() - OVERDUE_MS) return false;
  return timer.pattern === patternOf(schedule) && timer.tz === schedule.timeZone;
}
