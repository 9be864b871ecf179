import { expect } from 'vitest';
import { transactionSql } from '../../../src/db/sql.ts';
import { lockAttempt } from '../../../src/db/statements/lock-attempt.ts';
import { isPostgresUnavailable } from '../../../src/db/unavailable.ts';
import { test } from '../database.ts';

test('only the current attempt of a task that runs is current', async ({ database }) => {
  const { id } = await database.enqueue();
  const waiting = await lockAttempt(database.sql, id, 0);
  await database.start(id);
  const running = await Promise.all([0, 1, 2].map((attempt) => lockAttempt(database.sql, id, attempt)));
  await database.settle({ taskId: id, attempt: 1, state: 'SUCCESS' });
  const ended = await lockAttempt(database.sql, id, 1);

  expect({ waiting, running, ended }).toEqual({ waiting: false, running: [false, true, false], ended: false });
});

test('where nothing can be written it fails as unavailable', async ({ database }) => {
  const { id } = await database.enqueue();
  await database.start(id);

  const asked = database.orm.em.fork().transactional(async (em) => {
    await em.execute('set transaction read only');
    return lockAttempt(transactionSql(em), id, 1);
  });

  await expect(asked).rejects.toSatisfy(isPostgresUnavailable);
});
