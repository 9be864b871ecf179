import { setTimeout as delay } from 'node:timers/promises';
import { isPostgresUnavailable } from '../src/db/unavailable.ts';
import type { WorkerResources } from './worker-resources.ts';

/** What waiting for Postgres needs. */
export type WaitingResources = Pick<WorkerResources, 'stopping' | 'logger'>;

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 2000;

/**
 * Repeats what failed only because Postgres is away, after 100 ms, 200 ms … 2 s, until it is back. Rejects with the last
 * error when the worker's time is over, and at once with any other error. `isAway` tells them apart, once an error.
 */
export async function untilAvailable<T>(
  { stopping, logger }: WaitingResources,
  run: () => Promise<T>,
  isAway: (error: unknown) => boolean = isPostgresUnavailable,
): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)) {
    try {
      return await run();
    } catch (error) {
      if (!isAway(error) || stopping.aborted) throw error;
      if (waitMs === FIRST_WAIT_MS) logger.warn({ error: String(error) }, 'Postgres is away; waiting for it');
      await delay(waitMs, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}
