import { pino } from 'pino';
import { closeOrm, openOrm } from '../../../src/db/orm.ts';
import { type Database, openDatabase } from '../../db/database.ts';
import { test as base } from '../../support/world.ts';

/** The tests' `test` with the database of the test's world: a child that leaves a connection to it open fails the test. */
export const test = base.extend('database', async ({ world }, { onCleanup }): Promise<Database> => {
  const logger = pino({ level: 'silent' });
  const orm = await openOrm({ databaseUrl: world.databaseUrl, applicationName: 'test', logger });
  onCleanup(() => closeOrm(orm));
  return openDatabase(orm, world.databaseUrl);
});
