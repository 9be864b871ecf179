import { expect, vi } from 'vitest';
import { FencedError } from '../../src/core/errors.ts';
import { User } from '../../src/db/entities/user.ts';
import type { EntityManager } from '../../src/db/orm.ts';
import { doStep, type SteppingAttempt } from '../../worker/task-steps.ts';
import { type Database, test } from '../db/database.ts';

/** The first attempt of a new task. */
async function startAttempt({ orm, enqueue, start }: Database): Promise<SteppingAttempt> {
  const { id } = await enqueue();
  const { attempt } = await start(id);
  return { orm, taskId: id, attempt };
}

/** Fails the attempt and starts the next one. */
async function nextAttempt({ settle, start }: Database, { orm, taskId, attempt }: SteppingAttempt) {
  await settle({ taskId, attempt, state: 'RETRY' });
  return { orm, taskId, attempt: (await start(taskId)).attempt };
}

/** What the steps of these tests write: a user that is named after the task. */
function writeUser({ taskId }: SteppingAttempt): (em: EntityManager) => Promise<string> {
  return async (em) => {
    em.create(User, { email: `${crypto.randomUUID()}@example.com`, name: taskId, createdAt: new Date() });
    return 'written';
  };
}

async function countUsers({ orm, taskId }: SteppingAttempt): Promise<number> {
  return orm.em.fork().count(User, { name: taskId });
}

async function recorded({ run }: Database, { taskId }: SteppingAttempt): Promise<unknown[]> {
  return run('select key, attempt, value from task_step where task_id = $1 order by at', [taskId]);
}

test('a step is done once: a later attempt gets the value that it returned, as JSON', async ({ database }) => {
  const first = await startAttempt(database);
  const since = new Date('2026-01-02T03:04:05Z');
  const value = await doStep(first, 'write', writeUser(first));
  const date = await doStep(first, 'date', () => since);
  const none = await doStep(first, 'none', () => undefined);
  const second = await nextAttempt(database, first);
  const again = vi.fn<() => string>();

  const values = [await doStep(second, 'write', again), await doStep(second, 'date', again)];
  values.push(await doStep(second, 'none', again));

  expect([value, date, none]).toEqual(['written', since, undefined]);
  expect(values).toEqual(['written', since.toISOString(), null]);
  expect(again).not.toHaveBeenCalled();
  expect(await countUsers(first)).toBe(1);
  expect(await recorded(database, first)).toEqual([
    { key: 'write', attempt: 1, value: 'written' },
    { key: 'date', attempt: 1, value: since.toISOString() },
    { key: 'none', attempt: 1, value: null },
  ]);
});

test('a step that throws has written nothing, and is done by the next attempt', async ({ database }) => {
  const first = await startAttempt(database);
  const write = writeUser(first);

  const failing = doStep(first, 'write', async (em) => {
    await write(em);
    await em.flush();
    throw new Error('broken');
  });

  await expect(failing).rejects.toThrow('broken');
  expect(await countUsers(first)).toBe(0);
  expect(await recorded(database, first)).toEqual([]);
  const second = await nextAttempt(database, first);
  await doStep(second, 'write', writeUser(second));
  expect(await countUsers(first)).toBe(1);
  expect(await recorded(database, first)).toMatchObject([{ key: 'write', attempt: 2 }]);
});

test('what a step of an attempt that is not current any more has written is undone', async ({ database }) => {
  const first = await startAttempt(database);

  const late = doStep(first, 'write', async (em) => {
    const value = await writeUser(first)(em);
    await em.flush();
    await nextAttempt(database, first);
    return value;
  });

  await expect(late).rejects.toThrow(FencedError);
  await expect(doStep(first, 'call', () => 'called')).rejects.toThrow(FencedError);
  expect(await countUsers(first)).toBe(0);
  expect(await recorded(database, first)).toEqual([]);
});

test('keys belong to their task', async ({ database }) => {
  const [one, other] = [await startAttempt(database), await startAttempt(database)];

  expect(await doStep(one, 'k'.repeat(200), () => 'one')).toBe('one');
  expect(await doStep(other, 'k'.repeat(200), () => 'other')).toBe('other');
});

test.for(['', 'k'.repeat(201)])('the key %j is refused before anything is done', async (key, { database }) => {
  const done = vi.fn<() => void>();

  await expect(doStep(await startAttempt(database), key, done)).rejects.toThrow(
    `expected the key of a step to have 1 to 200 characters, got: ${JSON.stringify(key)}`,
  );
  expect(done).not.toHaveBeenCalled();
});

test('a value that cannot be stored is refused, and what the step has written is undone', async ({ database }) => {
  const attempt = await startAttempt(database);
  const write = writeUser(attempt);

  const step = doStep(attempt, 'write', async (em) => `${await write(em)}\u0000`);

  await expect(step).rejects.toThrow('expected step write to return what can be stored: ');
  expect(await countUsers(attempt)).toBe(0);
});
