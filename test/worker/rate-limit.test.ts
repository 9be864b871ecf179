import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { z } from 'zod';
import { defineTask } from '../../src/core/define-task.ts';
import { newId } from '../../src/core/ids.ts';
import { TaskCatalog } from '../../src/tasks/catalog.ts';
import { rateLimitWait } from '../../worker/rate-limit.ts';
import type { WorkerResources } from '../../worker/worker-resources.ts';
import { test } from '../support/world.ts';

const limited = defineTask({
  name: 'limited',
  description: 'For these tests.',
  rateLimit: { max: 3, perSeconds: 60 },
  input: z.object({}),
  output: z.object({}),
});

test('of a limited task no more start within the window than may, over all workers', async ({ world }) => {
  const redis = new Redis(world.redisUrl);
  const catalog = new TaskCatalog([limited]);
  const resources = { catalog, redis, keyPrefix: world.prefix, newId } as unknown as WorkerResources;

  const waits = await Promise.all(Array.from({ length: 10 }, () => rateLimitWait(resources, 'limited')));
  const unlimited = await rateLimitWait(resources, 'another');
  redis.disconnect();

  expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(3);
  for (const waitMs of waits.filter((one) => one > 0)) {
    expect(waitMs).toBeGreaterThan(50_000);
    expect(waitMs).toBeLessThanOrEqual(60_000);
  }
  expect(unlimited).toBe(0);
});
