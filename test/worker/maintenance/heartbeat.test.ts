import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, vi } from 'vitest';
import { newId } from '../../../src/core/ids.ts';
import { requestCancel } from '../../../src/db/statements/end-task.ts';
import { Heartbeat } from '../../../worker/maintenance/heartbeat.ts';
import { RunningAttempts } from '../../../worker/running-attempts.ts';
import { type Database, test } from '../../db/database.ts';

const LOST_AFTER_MS = 30_000;
const INTERVAL_MS = LOST_AFTER_MS / 5;

function openHeartbeat({ sql }: Database): { heartbeat: Heartbeat; workerId: string; running: RunningAttempts } {
  const workerId = newId();
  const running = new RunningAttempts(pino({ level: 'silent' }));
  const queues = ['diagnostics'];
  return {
    heartbeat: new Heartbeat({ sql, worker: { id: workerId, queues, names: [] }, lostAfterMs: LOST_AFTER_MS, running }),
    workerId,
    running,
  };
}

describe('a worker may call others lost', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  /** Heartbeats, one each interval, until so much time has passed. */
  async function beatFor(heartbeat: Heartbeat, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += INTERVAL_MS) {
      vi.setSystemTime(Date.now() + INTERVAL_MS);
      await heartbeat.runOnce();
    }
  }

  test('not before it was heard of for as long as that takes', async ({ database }) => {
    const { heartbeat } = openHeartbeat(database);
    const atFirst = heartbeat.mayJudge;

    await heartbeat.runOnce();
    await beatFor(heartbeat, LOST_AFTER_MS - INTERVAL_MS);
    const early = heartbeat.mayJudge;
    await beatFor(heartbeat, INTERVAL_MS);

    expect([atFirst, early, heartbeat.mayJudge]).toEqual([false, false, true]);
  });

  test('not after a gap in which it was not heard of itself, until it has been again for as long', async ({
    database,
  }) => {
    const { heartbeat } = openHeartbeat(database);
    await heartbeat.runOnce();
    await beatFor(heartbeat, LOST_AFTER_MS);
    const before = heartbeat.mayJudge;

    vi.setSystemTime(Date.now() + 10 * LOST_AFTER_MS); // Postgres was away, or the machine slept
    const beforeItsHeartbeat = heartbeat.mayJudge;
    await heartbeat.runOnce();
    const afterIt = heartbeat.mayJudge;
    await beatFor(heartbeat, LOST_AFTER_MS);

    expect([before, beforeItsHeartbeat, afterIt, heartbeat.mayJudge]).toEqual([true, false, false, true]);
  });

  test('not after a gap that is just too short to be lost itself', async ({ database }) => {
    const { heartbeat } = openHeartbeat(database);
    await heartbeat.runOnce();
    await beatFor(heartbeat, LOST_AFTER_MS);

    vi.setSystemTime(Date.now() + LOST_AFTER_MS - 1); // another one's last heartbeat may be an interval older
    const beforeItsHeartbeat = heartbeat.mayJudge;
    await heartbeat.runOnce();

    expect([beforeItsHeartbeat, heartbeat.mayJudge]).toEqual([false, false]);
  });

  test('also when a heartbeat or two came late', async ({ database }) => {
    const { heartbeat } = openHeartbeat(database);
    await heartbeat.runOnce();
    await beatFor(heartbeat, LOST_AFTER_MS);

    vi.setSystemTime(Date.now() + 2 * INTERVAL_MS);
    const late = heartbeat.mayJudge;
    await heartbeat.runOnce();

    expect([late, heartbeat.mayJudge]).toEqual([true, true]);
  });
});

test('a worker is listed while it lives', async ({ database }) => {
  const { heartbeat, workerId } = openHeartbeat(database);
  const listed = () => database.run('select queues, heartbeat_at from worker where id = $1', [workerId]);

  await heartbeat.runOnce();
  const [first] = await listed();
  await heartbeat.runOnce();
  const [second] = await listed();
  await heartbeat.remove();

  expect(first).toMatchObject({ queues: ['diagnostics'] });
  expect((second!['heartbeat_at'] as Date).getTime()).toBeGreaterThanOrEqual(
    (first!['heartbeat_at'] as Date).getTime(),
  );
  expect(await listed()).toEqual([]);
});

test('a cancellation whose message was lost is found, for the tasks that run here', async ({ database }) => {
  const { heartbeat, workerId, running } = openHeartbeat(database);
  const [wanted, other] = [await database.enqueue(), await database.enqueue()];
  const attempts = [wanted, other].map(({ id }) => running.begin(id));
  await database.start(wanted.id, workerId);
  await database.start(other.id, workerId);
  await heartbeat.runOnce();
  const before = attempts.map(({ signal }) => signal.aborted);

  await requestCancel(database.sql, [wanted.id], 'enough');
  await heartbeat.runOnce();

  expect(before).toEqual([false, false]);
  expect(attempts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  expect(attempts[0]?.signal.reason).toMatchObject({ code: 'CANCELLED', message: 'enough' });
  for (const attempt of attempts) running.end(attempt);
});
