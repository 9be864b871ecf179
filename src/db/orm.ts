import { Migrator } from '@mikro-orm/migrations';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from 'pino';
import { StoredFile } from './entities/stored-file.ts';
import { Task } from './entities/task.ts';
import { TaskAttempt } from './entities/task-attempt.ts';
import { TaskEventEntity } from './entities/task-event.ts';
import { User } from './entities/user.ts';
import { Spine } from './migrations/0001-spine.ts';
import { releaseDeadSessions } from './release-dead-sessions.ts';

export type Orm = MikroORM;
export type { EntityManager };

const CONNECT_TIMEOUT_MS = 3000;

export interface OrmOptions {
  databaseUrl: string;
  /** Shown by `pg_stat_activity`, at most 63 bytes. A lost worker's sessions are found by it. */
  applicationName: string;
  /** Most connections; default 10. */
  poolSize?: number;
  /** A statement that takes longer fails, in milliseconds; default none. */
  queryTimeoutMs?: number | undefined;
  logger: Logger;
}

/** Connects lazily: neither this call nor a start fails because Postgres is away. Close it with {@link closeOrm}. */
export function openOrm(options: OrmOptions): Promise<Orm> {
  const { databaseUrl, applicationName, poolSize = 10, queryTimeoutMs, logger } = options;
  return MikroORM.init({
    clientUrl: databaseUrl,
    entities: [Task, TaskEventEntity, TaskAttempt, User, StoredFile],
    extensions: [Migrator],
    migrations: { migrationsList: [Spine], tableName: 'migration', snapshot: false },
    pool: { min: 0, max: poolSize },
    driverOptions: {
      application_name: applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      onPoolCreated: releaseDeadSessions,
      ...(queryTimeoutMs === undefined ? {} : { query_timeout: queryTimeoutMs, statement_timeout: queryTimeoutMs }),
    },
    logger: (message) => logger.debug(message),
    ensureDatabase: false,
    debug: false,
  });
}

/** Ends all connections; `orm.close()` alone would leave a pool open through which the ORM itself never sent anything. */
export async function closeOrm(orm: Orm): Promise<void> {
  const pool = await orm.em.getConnection().getNativeClient();
  await orm.close(true);
  if (!pool.ending) await pool.end();
}
