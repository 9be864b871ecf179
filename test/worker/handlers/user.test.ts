import { pino } from 'pino';
import { expect } from 'vitest';
import { FailPermanently } from '../../../src/core/errors.ts';
import { User } from '../../../src/db/entities/user.ts';
import { closeOrm, openOrm, type Orm } from '../../../src/db/orm.ts';
import { updateUserStats } from '../../../worker/handlers/user.ts';
import { test as base } from '../../support/world.ts';
import { openContext } from './task-context.ts';

const test = base.extend('orm', async ({ world }, { onCleanup }) => {
  const logger = pino({ level: 'silent' });
  const orm = await openOrm({ databaseUrl: world.databaseUrl, applicationName: 'test', logger });
  onCleanup(() => closeOrm(orm));
  return orm;
});

async function createUser(orm: Orm): Promise<number> {
  const em = orm.em.fork();
  const user = em.create(User, { email: 'ada@example.com', name: 'Ada', loginCount: 0, createdAt: new Date() });
  await em.flush();
  return user.id;
}

/** As a worker runs a database task: in one transaction. */
function runInUnitOfWork(orm: Orm, userId: number) {
  return orm.em.fork().transactional((em) => updateUserStats(em, { userId }, openContext()));
}

test('a login is counted and noted', async ({ orm }) => {
  const userId = await createUser(orm);

  const result = await runInUnitOfWork(orm, userId);

  const user = await orm.em.fork().findOneOrFail(User, { id: userId });
  expect(result).toEqual({ userId, loginCount: 1, updatedAt: user.lastActivityAt?.toISOString() });
  expect(user.loginCount).toBe(1);
});

test('logins that are counted at the same time all count', async ({ orm }) => {
  const userId = await createUser(orm);

  const results = await Promise.all(Array.from({ length: 8 }, () => runInUnitOfWork(orm, userId)));

  const counts = results.map(({ loginCount }) => loginCount);
  expect(counts.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(await orm.em.fork().findOneOrFail(User, { id: userId })).toMatchObject({ loginCount: 8 });
});

test('a login whose unit of work is rolled back does not count', async ({ orm }) => {
  const userId = await createUser(orm);

  const running = orm.em.fork().transactional(async (em) => {
    await updateUserStats(em, { userId }, openContext());
    await em.flush();
    throw new Error('the worker was lost');
  });

  await expect(running).rejects.toThrow('the worker was lost');
  expect(await orm.em.fork().findOneOrFail(User, { id: userId })).toMatchObject({
    loginCount: 0,
    lastActivityAt: null,
  });
});

test('a user that does not exist fails the task for good', async ({ orm }) => {
  const error: unknown = await runInUnitOfWork(orm, 4711).catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'USER_NOT_FOUND', message: 'there is no user with the id 4711' });
});
