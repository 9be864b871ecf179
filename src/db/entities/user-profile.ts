import { defineEntity, p } from '@mikro-orm/core';

/** What a user shows to others. A user has one at most. */
export const UserProfile = defineEntity({
  name: 'UserProfile',
  tableName: 'user_profile',
  properties: {
    userId: p.integer().primary(),
    displayName: p.text(),
    bio: p.text().nullable(),
    createdAt: p.datetime(3).onCreate(() => new Date()),
  },
});
