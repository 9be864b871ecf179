import { describe, expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import type { CancelMessage } from '../../src/events/event-bus.ts';
import { cancelTask } from '../../src/operations/cancel-task.ts';
import { enqueueTask } from '../../src/operations/enqueue-task.ts';
import { watchedSql } from '../db/database.ts';
import { test, type TestService } from './service.ts';

/** What workers are told from now on. */
async function listenForCancels({ resources }: TestService): Promise<CancelMessage[]> {
  const messages: CancelMessage[] = [];
  await resources.bus.subscribeCancel((message) => messages.push(message));
  return messages;
}

describe('a task that waits', () => {
  test('is REVOKED at once: its followers hear of it, and its job is gone', async ({ service }) => {
    const id = await service.enqueue();
    const events = await service.listen(id);

    const task = await cancelTask(service.resources, { id, reason: 'not needed' });

    expect(task).toMatchObject({ id, state: 'REVOKED', cancelReason: 'not needed' });
    expect(await service.jobIds()).toEqual([]);
    await expect.poll(() => events).toMatchObject([{ sequence: 2, type: 'REVOKED', message: 'not needed' }]);
    expect(events).toEqual((await service.database.history(id)).slice(1));
  });

  test('for its time is REVOKED too', async ({ service }) => {
    const options = { delaySeconds: 3600 };
    const { id } = await enqueueTask(service.resources, { name: 'noop', payload: {}, options });

    await cancelTask(service.resources, { id, reason: null });

    expect(await service.jobIds()).toEqual([]);
    expect(await service.database.standing(id)).toEqual(['REVOKED']);
  });

  test('for its next attempt is REVOKED too', async ({ service }) => {
    const id = await service.enqueue();
    await service.database.start(id);
    await service.database.settle({ taskId: id, attempt: 1, state: 'RETRY', delayMs: 60_000 });

    expect(await cancelTask(service.resources, { id, reason: null })).toMatchObject({ state: 'REVOKED', attempt: 1 });
  });
});

describe('a task that runs', () => {
  test('goes on, and its worker is told', async ({ service }) => {
    const id = await service.enqueue();
    await service.database.start(id);
    const messages = await listenForCancels(service);

    const task = await cancelTask(service.resources, { id, reason: 'enough' });

    expect(task).toMatchObject({
      state: 'STARTED',
      cancelReason: 'enough',
      cancelRequestedAt: expect.any(Date) as Date,
    });
    await expect.poll(() => messages).toEqual([{ taskId: id, reason: 'enough', force: false }]);
  });

  test('can be cancelled again, as the message may have been lost; the first reason stays', async ({ service }) => {
    const id = await service.enqueue();
    await service.database.start(id);
    await cancelTask(service.resources, { id, reason: 'first' });
    const messages = await listenForCancels(service);

    const task = await cancelTask(service.resources, { id, reason: 'second' });

    expect(task).toMatchObject({ cancelReason: 'first' });
    await expect.poll(() => messages).toMatchObject([{ taskId: id }]);
  });
});

test('a task that goes from running to waiting in between is REVOKED all the same', async ({ service }) => {
  const id = await service.enqueue();
  await service.database.start(id);
  let statements = 0;
  const sql = watchedSql(service.resources.sql, async () => {
    statements += 1;
    if (statements === 2) await service.database.settle({ taskId: id, attempt: 1, state: 'RETRY' });
  });

  expect(await cancelTask({ ...service.resources, sql }, { id, reason: null })).toMatchObject({ state: 'REVOKED' });
});

test('a task that has ended is not cancelled', async ({ service }) => {
  for (const state of ['SUCCESS', 'FAILURE', 'REVOKED'] as const) {
    const id = await service.enqueue();
    await service.database.start(id);
    await service.database.settle({ taskId: id, attempt: 1, state });
    const before = await service.database.row(id);

    await expect(cancelTask(service.resources, { id, reason: null })).rejects.toMatchObject({
      problems: [{ code: 'TASK_ALREADY_FINISHED', message: `task ${id} is already in state ${state}`, path: ['id'] }],
    });
    expect(await service.database.row(id)).toEqual(before);
  }
});

test('an unknown task is not cancelled', async ({ service }) => {
  for (const id of [newId(), 'x', '', (await service.enqueue()).toUpperCase()]) {
    await expect(cancelTask(service.resources, { id, reason: null })).rejects.toMatchObject({
      problems: [
        { code: 'TASK_NOT_FOUND', message: `there is no task with the id ${JSON.stringify(id)}`, path: ['id'] },
      ],
    });
  }
});

test('whatever the reason is, it is stored as far as it can be', async ({ service }) => {
  const id = await service.enqueue();

  await cancelTask(service.resources, { id, reason: `a\u0000b\ud800${'x'.repeat(2000)}` });

  expect(await service.database.row(id)).toMatchObject({ cancel_reason: `a\ufffdb\ufffd${'x'.repeat(996)}` });
});
