import { Migrator } from '@mikro-orm/migrations';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Logger } from 'pino';
import { ExchangeRate, ExchangeRateSheet } from './entities/exchange-rate.ts';
import { Order } from './entities/order.ts';
import { Schedule } from './entities/schedule.ts';
import { StoredFile } from './entities/stored-file.ts';
import { Task } from './entities/task.ts';
import { TaskAttempt } from './entities/task-attempt.ts';
import { TaskEventEntity } from './entities/task-event.ts';
import { TaskStep } from './entities/task-step.ts';
import { UserProfile } from './entities/user-profile.ts';
import { User } from './entities/user.ts';
import { Spine } from './migrations/0001-spine.ts';
import { AttemptsAndSteps } from './migrations/0002-attempts-and-steps.ts';
import { OrdersAndRates } from './migrations/0003-orders-and-rates.ts';
import { Workflows } from './migrations/0004-workflows.ts';
import { Schedules } from './migrations/0005-schedules.ts';
import { AttemptsAsked } from './migrations/0006-attempts-asked.ts';
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
  /** Of every session, e.g. `{ enable_seqscan: 'off' }`. */
  settings?: Record<string, string> | undefined;
  logger: Logger;
}

/** Connects lazily: neither this call nor a start fails because Postgres is away. Close it with {@link closeOrm}. */
export function openOrm(options: OrmOptions): Promise<Orm> {
  const { databaseUrl, applicationName, poolSize = 10, queryTimeoutMs, settings = {}, logger } = options;
  return MikroORM.init({
    clientUrl: databaseUrl,
    entities: [
      Task,
      TaskEventEntity,
      TaskAttempt,
      TaskStep,
      User,
      UserProfile,
      StoredFile,
      Order,
      ExchangeRate,
      ExchangeRateSheet,
      Schedule,
    ],
    extensions: [Migrator],
    migrations: {
      migrationsList: [Spine, AttemptsAndSteps, OrdersAndRates, Workflows, Schedules, AttemptsAsked],
      tableName: 'migration',
      snapshot: false,
    },
    pool: { min: 0, max: poolSize },
    driverOptions: {
      application_name: applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      options: Object.entries(settings)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
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
