import { describe, expect } from 'vitest';
import type { TaskEvent } from '../../../src/core/task-event.ts';
import { requestCancel, revokeWaiting } from '../../../src/db/statements/end-task.ts';
import { settleAttempts } from '../../../src/db/statements/settle-attempts.ts';
import { settlement, test, untilWaiting, upTo } from '../database.ts';

const BROKEN = { code: 'BROKEN', message: 'it broke', retryable: true };
const ENDS = ['SUCCESS', 'FAILURE', 'REVOKED', 'RETRY'] as const;

/** Without the times, which differ. */
function outline(events: readonly TaskEvent[]): string[] {
  return events.map(({ sequence, type, state, attempt }) => `${sequence} ${type} ${state} ${attempt}`);
}

describe('an attempt that ends', () => {
  test('with SUCCESS leaves the result', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);

    const settled = await database.settle({ taskId: id, attempt: 1, state: 'SUCCESS', result: { sent: true } });

    const row = await database.row(id);
    expect(settled).toMatchObject({ id, state: 'SUCCESS', sequence: 3, attempt: 1, error: null });
    expect(row).toMatchObject({ state: 'SUCCESS', result: { sent: true }, error: null, sequence: 3 });
    expect((row['finished_at'] as Date).toISOString()).toBe(settled?.at);
    expect(await database.standing(id)).toEqual(['SUCCESS']);
    expect((await database.history(id)).at(-1)).toEqual({
      taskId: id,
      sequence: 3,
      type: 'SUCCESS',
      at: settled?.at,
      state: 'SUCCESS',
      attempt: 1,
      result: { sent: true },
    });
  });

  test('with FAILURE leaves the error', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);

    await database.settle({ taskId: id, attempt: 1, state: 'FAILURE', error: BROKEN });

    expect(await database.row(id)).toMatchObject({ state: 'FAILURE', result: null, error: BROKEN });
    expect(await database.standing(id)).toEqual(['FAILURE']);
    expect((await database.history(id)).at(-1)).toMatchObject({ sequence: 3, type: 'FAILURE', error: BROKEN });
  });

  test('with RETRY makes the task wait for its time', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);

    const settled = await database.settle({ taskId: id, attempt: 1, state: 'RETRY', error: BROKEN, delayMs: 90_000 });

    const row = await database.row(id);
    expect(settled).toMatchObject({ state: 'RETRY', sequence: 3, delayMs: 90_000, error: BROKEN });
    expect(row).toMatchObject({ state: 'RETRY', error: BROKEN, started_sequence: null, finished_at: null });
    expect((row['run_at'] as Date).getTime() - Date.parse(settled?.at ?? '')).toBe(90_000);
    expect(await database.standing(id)).toEqual(['open', 'claim']);
  });

  test('with RETRY is kept as an attempt', async ({ database }) => {
    const { id } = await database.enqueue();
    const { startedAt } = await database.start(id, 'worker-7');

    const settled = await database.settle({ taskId: id, attempt: 1, state: 'RETRY', error: BROKEN });

    expect(await database.run('select * from task_attempt where task_id = $1', [id])).toEqual([
      {
        task_id: id,
        number: 1,
        started_at: new Date(startedAt),
        finished_at: new Date(settled?.at ?? ''),
        worker: 'worker-7',
        error: BROKEN,
      },
    ]);
  });
});

test('the history of several attempts has no hole and no repeat', async ({ database }) => {
  const { id } = await database.enqueue();

  for (const attempt of [1, 2, 3]) {
    await database.start(id);
    await database.settle({ taskId: id, attempt, state: attempt < 3 ? 'RETRY' : 'SUCCESS' });
  }

  expect(outline(await database.history(id))).toEqual([
    '1 ENQUEUED PENDING 0',
    '2 STARTED STARTED 1',
    '3 RETRY RETRY 1',
    '4 STARTED STARTED 2',
    '5 RETRY RETRY 2',
    '6 STARTED STARTED 3',
    '7 SUCCESS SUCCESS 3',
  ]);
});

test('while an attempt waits and when the next one runs, the history is whole', async ({ database }) => {
  const { id } = await database.enqueue();
  await database.start(id);
  await database.settle({ taskId: id, attempt: 1, state: 'RETRY', error: BROKEN });

  const waiting = await database.history(id);
  await database.start(id);
  const running = await database.history(id);

  expect(outline(waiting)).toEqual(['1 ENQUEUED PENDING 0', '2 STARTED STARTED 1', '3 RETRY RETRY 1']);
  expect(waiting.at(-1)).toMatchObject({ error: BROKEN });
  expect(running.slice(0, 3)).toEqual(waiting);
  expect(outline(running).at(-1)).toBe('4 STARTED STARTED 2');
});

describe('an attempt that is not the current one changes nothing', () => {
  test.for(ENDS)('when it ends with %s', async (state, { database }) => {
    const { id } = await database.enqueue();
    await database.start(id, 'worker-1');
    await database.settle({ taskId: id, attempt: 1, state: 'RETRY', lost: true });
    await database.start(id, 'worker-2');
    const before = await database.row(id);
    const events = await database.history(id);

    const settled = await database.settle({ taskId: id, attempt: 1, state, result: { mine: true }, error: BROKEN });

    expect(settled).toBeUndefined();
    expect(await database.row(id)).toEqual(before);
    expect(await database.history(id)).toEqual(events);
    expect(await database.standing(id)).toEqual(['open', 'claim']);
    expect(await database.run('select number from task_attempt where task_id = $1', [id])).toEqual([{ number: 1 }]);
  });

  test('when there never was such an attempt', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);

    expect(await database.settle({ taskId: id, attempt: 2, state: 'SUCCESS' })).toBeUndefined();
  });
});

describe('a task that does not run is not ended by an attempt', () => {
  test.for(ENDS)('in PENDING, by %s', async (state, { database }) => {
    const { id } = await database.enqueue();

    expect(await database.settle({ taskId: id, attempt: 0, state })).toBeUndefined();
    expect(await database.row(id)).toMatchObject({ state: 'PENDING', sequence: 1 });
  });

  test.for(ENDS)('in RETRY, by %s', async (state, { database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: 'RETRY' });

    expect(await database.settle({ taskId: id, attempt: 1, state })).toBeUndefined();
    expect(await database.row(id)).toMatchObject({ state: 'RETRY', sequence: 3 });
  });

  test.for(ENDS)('in SUCCESS, by %s', async (state, { database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: 'SUCCESS', result: { first: true } });

    expect(await database.settle({ taskId: id, attempt: 1, state })).toBeUndefined();
    expect(await database.row(id)).toMatchObject({ state: 'SUCCESS', result: { first: true }, sequence: 3 });
    expect(await database.standing(id)).toEqual(['SUCCESS']);
  });

  test('in REVOKED after RETRY', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: 'RETRY' });
    await revokeWaiting(database.sql, [id], null);

    expect(await database.settle({ taskId: id, attempt: 1, state: 'SUCCESS' })).toBeUndefined();
    expect(await database.standing(id)).toEqual(['REVOKED']);
  });
});

test('of two ends of one attempt at the same time one is written', async ({ database }) => {
  const { id } = await database.enqueue();
  await database.start(id);

  const settled = await Promise.all(
    upTo(8).map((number) => database.settle({ taskId: id, attempt: 1, state: number % 2 ? 'SUCCESS' : 'RETRY' })),
  );

  const written = settled.filter((one) => one !== undefined);
  expect(written).toHaveLength(1);
  expect(await database.row(id)).toMatchObject({ state: written[0]?.state, sequence: 3 });
});

test('how often attempts failed is counted apart from lost workers', async ({ database }) => {
  const { id } = await database.enqueue();
  const counts: unknown[] = [];

  for (const [index, lost] of [false, true, false, true, true].entries()) {
    const { failures } = await database.start(id);
    await database.settle({ taskId: id, attempt: index + 1, state: 'RETRY', lost });
    const { losses } = await database.row(id);
    counts.push({ failures, losses });
  }

  expect(counts).toEqual([
    { failures: 0, losses: 0 },
    { failures: 1, losses: 1 },
    { failures: 1, losses: 1 },
    { failures: 2, losses: 2 },
    { failures: 2, losses: 3 },
  ]);
});

describe('a cancellation', () => {
  test('that meets a RETRY makes it REVOKED, with the reason', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await requestCancel(database.sql, [id], 'not needed');

    const settled = await database.settle({ taskId: id, attempt: 1, state: 'RETRY', error: BROKEN, delayMs: 1000 });

    const error = { code: 'CANCELLED', message: 'not needed', retryable: false };
    expect(settled).toMatchObject({ state: 'REVOKED', error });
    expect(await database.row(id)).toMatchObject({ state: 'REVOKED', error });
    expect(await database.standing(id)).toEqual(['REVOKED']);
    expect((await database.history(id)).at(-1)).toMatchObject({ type: 'REVOKED', message: 'not needed', error });
  });

  test('that is written while the attempt is being settled makes it REVOKED too', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    const em = database.orm.em.fork();
    await em.begin();
    await em.execute(`update task set cancel_requested_at = now(), cancel_reason = 'just in time' where id = ?`, [id]);

    const settling = database.settle({ taskId: id, attempt: 1, state: 'RETRY', error: BROKEN });
    await untilWaiting(database, 1);
    await em.commit();

    expect(await settling).toMatchObject({ state: 'REVOKED', error: { code: 'CANCELLED', message: 'just in time' } });
    expect(await database.standing(id)).toEqual(['REVOKED']);
  });

  test('does not undo a SUCCESS', async ({ database }) => {
    const { id } = await database.enqueue();
    await database.start(id);
    await requestCancel(database.sql, [id], null);

    expect(await database.settle({ taskId: id, attempt: 1, state: 'SUCCESS' })).toMatchObject({ state: 'SUCCESS' });
  });
});

test('many attempts are settled by one statement, each as it ended', async ({ database }) => {
  const ids = await Promise.all(upTo(12).map(async () => (await database.enqueue()).id));
  for (const id of ids) await database.start(id);
  const stale = ids.length - 1;
  const ends = ids.map((taskId, index) =>
    settlement({ taskId, attempt: index === stale ? 9 : 1, state: ENDS[index % 4] ?? 'RETRY', result: { index } }),
  );

  const settled = await settleAttempts(database.sql, ends);

  const byId = new Map(settled.map((task) => [task.id, task.state]));
  expect(ids.map((id) => byId.get(id))).toEqual(ends.map(({ state }, index) => (index === stale ? undefined : state)));
  expect(await database.row(ids[4] ?? '')).toMatchObject({ state: 'SUCCESS', result: { index: 4 } });
});
