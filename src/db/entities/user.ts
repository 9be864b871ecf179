import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A user of the application that the shipped tasks work for. */
export const User = defineEntity({
  name: 'User',
  tableName: 'app_user',
  properties: {
    id: p.integer().primary().autoincrement(),
    email: p.text().unique(),
    name: p.text(),
    loginCount: p.integer().default(0),
    lastActivityAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3).onCreate(() => new Date()),
  },
});

export type UserRow = InferEntity<typeof User>;
