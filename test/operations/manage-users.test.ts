import { describe, expect } from 'vitest';
import { createUser, getUser, listUsers } from '../../src/operations/manage-users.ts';
import { upTo } from '../db/database.ts';
import { test } from './service.ts';

test('a new user has not logged in yet', async ({ service }) => {
  const { id } = await createUser(service.resources, { email: 'ada@example.com', name: '  Ada  ' });

  expect(await getUser(service.resources, id)).toMatchObject({
    id,
    email: 'ada@example.com',
    name: 'Ada',
    loginCount: 0,
    lastActivityAt: null,
  });
});

test('an address belongs to one user, also when several want it at the same time', async ({ service }) => {
  const wanted = { email: 'ada@example.com', name: 'Ada' };

  const results = await Promise.allSettled(upTo(5).map(() => createUser(service.resources, wanted)));

  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused.map(({ reason }) => reason as unknown)).toEqual(
    upTo(4).map(() =>
      expect.objectContaining({ code: 'EMAIL_TAKEN', message: expect.stringContaining('ada@example.com') as string }),
    ),
  );
});

test('what is no user is refused, with its place', async ({ service }) => {
  const refused = [
    { input: { email: 'ada', name: 'Ada' }, path: ['email'] },
    { input: { email: `${'x'.repeat(250)}@example.com`, name: 'Ada' }, path: ['email'] },
    { input: { email: 'ada@example.com', name: '  ' }, path: ['name'] },
    { input: { email: 'ada@example.com', name: 'x'.repeat(201) }, path: ['name'] },
    { input: { email: 'ada@example.com', name: 'a\u0000b' }, path: ['name'] },
  ];

  for (const { input, path } of refused) {
    await expect(createUser(service.resources, input)).rejects.toMatchObject({
      problems: [{ code: 'USER_INVALID', path }],
    });
  }
  expect((await listUsers(service.resources, {})).items).toEqual([]);
});

test('an id that no user has is nobody’s, whatever number it is', async ({ service }) => {
  for (const id of [0, -1, 99, 2 ** 31, 1e300]) expect(await getUser(service.resources, id)).toBeNull();
});

describe('the list of users', () => {
  test('goes forward from the newest and backward from the oldest', async ({ service }) => {
    for (const n of upTo(5)) await createUser(service.resources, { email: `u${n}@example.com`, name: `u${n}` });
    const namesOf = (page: Awaited<ReturnType<typeof listUsers>>) => page.items.map(({ name }) => name);

    const first = await listUsers(service.resources, { first: 2 });
    const next = await listUsers(service.resources, { first: 5, after: String(first.items[1]?.id) });
    const last = await listUsers(service.resources, { last: 2 });
    const previous = await listUsers(service.resources, { last: 5, before: String(last.items[0]?.id) });

    expect([first, next, last, previous].map(namesOf)).toEqual([
      ['u5', 'u4'],
      ['u3', 'u2', 'u1'],
      ['u2', 'u1'],
      ['u5', 'u4', 'u3'],
    ]);
    expect(first).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    expect(next).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    expect(last).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    expect(previous).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  });

  test('refuses what is no cursor of it', async ({ service }) => {
    for (const after of ['x', '-1', '1.5', '2147483648']) {
      await expect(listUsers(service.resources, { after })).rejects.toMatchObject({
        problems: [{ code: 'BAD_USER_INPUT', path: ['after'] }],
      });
    }
  });
});
