import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { z } from 'zod';
import { UserInputError, userError } from '../core/errors.ts';
import { findStorageProblem } from '../core/storable.ts';
import { User, type UserRow } from '../db/entities/user.ts';
import { idPageQuery, isRowId } from './id-page.ts';
import { type Page, type PageInput, toPage, toPageRequest } from './page.ts';
import type { ServiceResources } from './resources.ts';

const newUser = z.object({
  email: z.email().max(254),
  name: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .refine((name) => findStorageProblem(name) === undefined, 'expected text without NUL characters'),
});

/** Creates a user. Throws a `UserInputError` with USER_INVALID, or EMAIL_TAKEN when another user has the address. */
export async function createUser({ orm }: ServiceResources, input: { email: string; name: string }): Promise<UserRow> {
  const parsed = newUser.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ message, path }) => ({
      code: 'USER_INVALID',
      message,
      path: path.map(String),
    }));
    throw new UserInputError(problems as [(typeof problems)[number]]);
  }
  try {
    const em = orm.em.fork();
    const user = em.create(User, { ...parsed.data, loginCount: 0, createdAt: new Date() });
    await em.flush();
    return user;
  } catch (error) {
    if (!(error instanceof UniqueConstraintViolationException)) throw error;
    throw userError('EMAIL_TAKEN', `expected an email address that no user has, got: ${JSON.stringify(input.email)}`, [
      'email',
    ]);
  }
}

/** Finds a user; null when there is none. */
export async function getUser({ orm }: ServiceResources, id: number): Promise<UserRow | null> {
  if (!isRowId(id)) return null;
  return orm.em.fork().findOne(User, { id });
}

/**
 * Lists users, newest first, at most 100 a page; a cursor is the id of a user.
 *
 * Throws a `UserInputError` with BAD_USER_INPUT for a page or a cursor that can't be.
 */
export async function listUsers({ orm }: ServiceResources, input: PageInput): Promise<Page<UserRow>> {
  const request = toPageRequest(input);
  const { where, options } = idPageQuery(request);
  return toPage(await orm.em.fork().find(User, where, options), request);
}
