import { type Logger, pino } from 'pino';
import { closeOrm, openOrm } from './orm.ts';

/** Any number that no other program locks; two migrations at once wait for each other on it. */
const MIGRATION_LOCK = 7_450_193;

export interface MigrateOptions {
  databaseUrl: string;
  logger?: Logger;
}

/** Brings the database to the newest version; answers the names of the migrations that ran. Safe to run twice at once. */
export async function migrate({ databaseUrl, logger = pino({ level: 'silent' }) }: MigrateOptions): Promise<string[]> {
  const orm = await openOrm({ databaseUrl, applicationName: 'taskwire:migrate', logger });
  try {
    return await orm.em.transactional(async (em) => {
      await em.execute('select pg_advisory_xact_lock(?)', [MIGRATION_LOCK]);
      const applied = await orm.migrator.up();
      return applied.map(({ name }) => name);
    });
  } finally {
    await closeOrm(orm);
  }
}
