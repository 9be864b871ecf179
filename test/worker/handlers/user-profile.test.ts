import { expect } from 'vitest';
import { FailPermanently } from '../../../src/core/errors.ts';
import { UserProfile } from '../../../src/db/entities/user-profile.ts';
import { createUserProfile as contract } from '../../../src/tasks/user.ts';
import { createUserProfile } from '../../../worker/handlers/user.ts';
import { rejection, type Shop, test } from './shop.ts';

/** As a worker runs a database task: in one transaction. */
async function runInUnitOfWork(
  { orm, openAttempt }: Shop,
  payload: { userId: number; displayName: string; bio?: string },
) {
  const context = await openAttempt();
  return orm.em.fork().transactional((em) => createUserProfile(em, contract.input.parse(payload), context));
}

test('a user gets a profile', async ({ shop }) => {
  const userId = await shop.createUser();

  const result = await runInUnitOfWork(shop, { userId, displayName: ' Ada ', bio: 'Counts.' });

  expect(result).toEqual({ status: 'created', userId });
  const profile = await shop.orm.em.fork().findOneOrFail(UserProfile, { userId });
  expect(profile).toMatchObject({ userId, displayName: 'Ada', bio: 'Counts.' });
});

test('a profile that is there is left as it is', async ({ shop }) => {
  const userId = await shop.createUser();
  await runInUnitOfWork(shop, { userId, displayName: 'Ada' });

  const again = await runInUnitOfWork(shop, { userId, displayName: 'Eve', bio: 'Another.' });

  expect(again).toEqual({ status: 'already_exists', userId });
  const profile = await shop.orm.em.fork().findOneOrFail(UserProfile, { userId });
  expect(profile).toMatchObject({ displayName: 'Ada', bio: null });
});

test('of many tasks for a user at the same time one creates the profile', async ({ shop }) => {
  const userId = await shop.createUser();

  const results = await Promise.all(
    Array.from({ length: 6 }, (_, at) => runInUnitOfWork(shop, { userId, displayName: `Ada ${at}` })),
  );

  expect(results.map(({ status }) => status).toSorted()).toEqual([...Array(5).fill('already_exists'), 'created']);
});

test('a user that does not exist fails the task for good', async ({ shop }) => {
  const error = await rejection(runInUnitOfWork(shop, { userId: 4711, displayName: 'Nobody' }));

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'USER_NOT_FOUND', message: 'there is no user with the id 4711' });
});
