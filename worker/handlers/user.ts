import { LockMode } from '@mikro-orm/core';
import { FailPermanently } from '../../src/core/errors.ts';
import { UserProfile } from '../../src/db/entities/user-profile.ts';
import { User, type UserRow } from '../../src/db/entities/user.ts';
import type { EntityManager } from '../../src/db/orm.ts';
import type * as contracts from '../../src/tasks/user.ts';
import type { TaskHandler } from '../task-handler.ts';

/**
 * Counts a login. The row stays locked until the unit of work ends, so that tasks of the same user wait for each other and
 * all of them count. Fails for good with USER_NOT_FOUND.
 */
export const updateUserStats: TaskHandler<typeof contracts.updateUserStats> = async (em, { userId }) => {
  const user = await lockUser(em, userId);
  const now = new Date();
  user.loginCount += 1;
  user.lastActivityAt = now;
  return { userId, loginCount: user.loginCount, updatedAt: now.toISOString() };
};

/**
 * Gives a user a profile. One that is there is left as it is, so it does no harm to run twice. Fails for good with
 * USER_NOT_FOUND.
 */
export const createUserProfile: TaskHandler<typeof contracts.createUserProfile> = async (
  em,
  { userId, displayName, bio = null },
) => {
  await lockUser(em, userId);
  if (await em.findOne(UserProfile, { userId })) return { status: 'already_exists', userId };
  em.create(UserProfile, { userId, displayName, bio, createdAt: new Date() });
  return { status: 'created', userId };
};

async function lockUser(em: EntityManager, userId: number): Promise<UserRow> {
  const user = await em.findOne(User, { id: userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (!user) throw new FailPermanently('USER_NOT_FOUND', `there is no user with the id ${userId}`);
  return user;
}
