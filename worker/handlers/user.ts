import { LockMode } from '@mikro-orm/core';
import { FailPermanently } from '../../src/core/errors.ts';
import { User } from '../../src/db/entities/user.ts';
import type { updateUserStats as contract } from '../../src/tasks/user.ts';
import type { TaskHandler } from '../task-handler.ts';

/**
 * Counts a login. The row stays locked until the unit of work ends, so that tasks of the same user wait for each other and
 * all of them count. Fails for good with USER_NOT_FOUND.
 */
export const updateUserStats: TaskHandler<typeof contract> = async (em, { userId }) => {
  const user = await em.findOne(User, { id: userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (!user) throw new FailPermanently('USER_NOT_FOUND', `there is no user with the id ${userId}`);
  const now = new Date();
  user.loginCount += 1;
  user.lastActivityAt = now;
  return { userId, loginCount: user.loginCount, updatedAt: now.toISOString() };
};
