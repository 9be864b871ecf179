import { expect } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { runStatement } from '../../src/dev/administer-postgres.ts';
import { test } from '../support/world.ts';

test('an empty database gets everything, also when two processes migrate it at the same time', async ({ world }) => {
  const { databaseUrl } = world;
  await runStatement(databaseUrl, 'drop schema public cascade; create schema public');

  const applied = await Promise.all([1, 2, 3].map(() => migrate({ databaseUrl })));

  const [names = [], ...others] = applied.toSorted((a, b) => b.length - a.length);
  expect(names[0]).toBe('0001-spine');
  expect(names).toEqual(names.toSorted());
  expect(others).toEqual([[], []]);
  expect(await runStatement(databaseUrl, 'select name from migration order by id')).toEqual(
    names.map((name) => ({ name })),
  );
  expect(await runStatement(databaseUrl, 'select count(*)::int as tasks from task')).toEqual([{ tasks: 0 }]);
});

test('a database of the newest version is left as it is', async ({ world }) => {
  expect(await migrate({ databaseUrl: world.databaseUrl })).toEqual([]);
});

test('a database that is not there is an error', async () => {
  await expect(migrate({ databaseUrl: 'postgres://nobody@127.0.0.1:1/none' })).rejects.toThrow('ECONNREFUSED');
});
