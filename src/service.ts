import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Config, ServiceConfig } from './config.ts';
import { closeOrm, openOrm, type Orm } from './db/orm.ts';
import { poolSql } from './db/sql.ts';
import { EventBus } from './events/event-bus.ts';
import { taskSource, workflowSource } from './events/event-source.ts';
import { EventWatcher } from './events/event-watcher.ts';
import { openFileStore } from './files/drive-file-store.ts';
import type { Logger } from './logger.ts';
import { DownloadLinks } from './operations/download-links.ts';
import { openInserts } from './operations/open-inserts.ts';
import type { EnqueueResources, ServiceResources } from './operations/resources.ts';
import { Dispatcher } from './queue/dispatcher.ts';
import { findRedisProblem, openRedis } from './queue/redis.ts';
import { ScheduleTimers } from './queue/schedule-timers.ts';
import { TaskQueues } from './queue/task-queues.ts';
import { openCatalog } from './tasks/catalog.ts';
import { WorkflowCatalog } from './tasks/workflow-catalog.ts';
import { workflows } from './tasks/workflows.ts';

/** A statement of the API answers within this time or counts as unavailable: callers hear of it within 5 s. */
const QUERY_TIMEOUT_MS = 4000;

/**
 * The batched statements of a worker look up some dozens of rows by their ids. Postgres plans them once a session, perhaps
 * while the tables are still empty, and would then go on reading whole tables as they grow.
 */
const BATCH_SETTINGS = { enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off' };

/** What the API and the worker share. */
export interface CoreService {
  resources: EnqueueResources &
    Pick<ServiceResources, 'dispatcher' | 'orm' | 'queues' | 'timers' | 'bus' | 'files' | 'logger'>;
  /** The pool behind {@link EnqueueResources.sql}: short transactions on it do not wait for those of handlers. */
  statements: Orm;
  /** In the role of a producer. */
  redis: Redis;
  close(): Promise<void>;
}

export interface CoreServiceOptions {
  config: ServiceConfig;
  logger: Logger;
  /** Of the sessions in Postgres. */
  applicationName: string;
  poolSize: number;
  /** Of a pool of its own for {@link EnqueueResources.sql}; without it, statements share the ORM's pool. */
  statementPoolSize?: number;
  queryTimeoutMs?: number;
}

/** Opens what the API and the worker share. Neither Postgres nor Redis need to be there yet. */
export async function openCoreService(options: CoreServiceOptions): Promise<CoreService> {
  const { config, logger, applicationName, poolSize, statementPoolSize, queryTimeoutMs } = options;
  await using opened = new AsyncDisposableStack();
  const openPool = async (size: number, settings?: Record<string, string>) => {
    const { databaseUrl } = config;
    const pool = await openOrm({ databaseUrl, applicationName, poolSize: size, queryTimeoutMs, settings, logger });
    opened.defer(() => closeOrm(pool));
    return pool;
  };
  const orm = await openPool(poolSize);
  const statements = statementPoolSize === undefined ? orm : await openPool(statementPoolSize, BATCH_SETTINGS);
  const sql = poolSql(statements);
  const redis = openRedis(config.redisUrl, 'producer', logger);
  opened.defer(() => redis.disconnect());
  const subscriber = openRedis(config.redisUrl, 'consumer', logger.child({}, { level: 'silent' }));
  opened.defer(() => subscriber.disconnect());
  const queues = new TaskQueues({ redis, keyPrefix: config.keyPrefix, logger });
  opened.defer(() => queues.close());
  const timers = new ScheduleTimers({ redis, keyPrefix: config.keyPrefix, logger });
  opened.defer(() => timers.close());
  const dispatcher = new Dispatcher({ queues, sql, logger });
  opened.defer(() => dispatcher.idle());
  orm.em.getEventManager().registerSubscriber({ afterTransactionCommit: () => void dispatcher.dispatchCommitted() });
  const bus = new EventBus({ publisher: redis, subscriber, keyPrefix: config.keyPrefix, logger });

  const closing = opened.move();
  return {
    statements,
    redis,
    resources: {
      catalog: openCatalog(config),
      inserts: openInserts(sql),
      sql,
      dispatcher,
      orm,
      queues,
      timers,
      bus,
      files: openFiles(config),
      logger,
    },
    close: () => closing.disposeAsync(),
  };
}

/** What the API consists of, apart from its HTTP server. */
export interface Service {
  resources: ServiceResources;
  close(): Promise<void>;
}

/** Opens the resources of the API. Neither Postgres nor Redis need to be there yet. */
export async function openService(config: ServiceConfig, logger: Logger): Promise<Service> {
  const core = await openCoreService({
    config,
    logger,
    applicationName: 'taskwire:api',
    poolSize: 10,
    queryTimeoutMs: QUERY_TIMEOUT_MS,
  });
  const { sql, bus } = core.resources;
  core.redis.on('ready', () => void warnOfRedisProblem(core.redis, logger));
  const watcher = new EventWatcher(taskSource(bus, sql), logger);
  const workflowWatcher = new EventWatcher(workflowSource(bus, sql), logger);
  watcher.start();
  workflowWatcher.start();
  const links = new DownloadLinks(config);
  return {
    resources: {
      ...core.resources,
      workflows: new WorkflowCatalog(workflows),
      watcher,
      workflowWatcher,
      links,
      maxUploadBytes: config.maxUploadBytes,
    },
    async close() {
      watcher.stop();
      workflowWatcher.stop();
      await core.close();
    },
  };
}

function openFiles({ dataDir }: Config) {
  return openFileStore({ location: join(dataDir, 'files') });
}

async function warnOfRedisProblem(redis: Redis, logger: Logger): Promise<void> {
  const problem = await findRedisProblem(redis);
  if (problem) logger.error(problem);
}
