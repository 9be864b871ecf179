import { MikroORM } from '@mikro-orm/postgresql';

/** All rows of a table, locked by a transaction of the test's own. */
export interface RowLock extends AsyncDisposable {
  /** Resolves when so many sessions wait for the lock. */
  untilWaitedFor(sessions: number): Promise<void>;
  release(): Promise<void>;
}

/** Locks every row of a table, so that a task which wants to write one stands still in the middle of its transaction. */
export async function holdRowLock(databaseUrl: string, table: string): Promise<RowLock> {
  const orm = await MikroORM.init({ clientUrl: databaseUrl, entities: [], discovery: { warnWhenNoEntities: false } });
  const em = orm.em.fork();
  await em.begin();
  await em.execute(`select from ${table} for update`);
  let held = true;
  const release = async () => {
    if (held) await em.rollback();
    held = false;
  };
  return {
    release,
    async untilWaitedFor(sessions) {
      for (;;) {
        const [row] = await orm.em.fork().execute<[{ waiting: number }]>(
          `select count(*)::int as waiting from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'`,
        );
        if (row.waiting >= sessions) return;
      }
    },
    async [Symbol.asyncDispose]() {
      await release();
      await orm.close(true);
    },
  };
}
