import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { answerRequests, sayReady } from './answer-requests.ts';
import { sharedClockMs } from './statistics.ts';

/** A process with nothing but a BullMQ worker, as its documentation shows it. */
const { REDIS_URL = '', KEY_PREFIX = '', CONCURRENCY = '' } = process.env;
const redis = new Redis(REDIS_URL, { maxRetriesPerRequest: null });
const worker = new Worker('raw', async () => ({}), {
  connection: redis,
  prefix: KEY_PREFIX,
  concurrency: Number(CONCURRENCY),
  removeOnComplete: { count: 0 },
});
let completed = 0;
let expected = Number.POSITIVE_INFINITY;
let reached = Promise.withResolvers<void>();
worker.on('completed', () => {
  completed += 1;
  if (completed === expected) reached.resolve();
});
await worker.waitUntilReady();

answerRequests({
  /** Answers when so many jobs have ended since the last `expect`. */
  expect(count: number) {
    completed = 0;
    expected = count;
    reached = Promise.withResolvers();
  },
  reached: () => reached.promise,
  /** Publishes so many reports, then an empty message; answers when each was published. */
  async publish({ channel, reports, intervalMs }: { channel: string; reports: number; intervalMs: number }) {
    const times: [string, number][] = [];
    for (let current = 1; current <= reports; current += 1) {
      await delay(intervalMs);
      times.push([`${reports}/${current}`, sharedClockMs()]);
      await redis.publish(channel, JSON.stringify({ current, total: reports }));
    }
    await redis.publish(channel, '');
    return times;
  },
});
sayReady();
