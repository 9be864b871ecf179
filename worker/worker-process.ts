import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { ServiceConfig } from '../src/config.ts';
import { ConfigurationError, WorkerStopping } from '../src/core/errors.ts';
import { newId } from '../src/core/ids.ts';
import { unparkTasks } from '../src/db/statements/park-tasks.ts';
import { applicationNameOf, type WorkerDescription } from '../src/db/statements/worker-heartbeat.ts';
import type { Logger } from '../src/logger.ts';
import { declareSchedules } from '../src/operations/declare-schedules.ts';
import { type FireResources, fireDueSchedules } from '../src/operations/fire-schedules.ts';
import { findRedisProblem, openRedis } from '../src/queue/redis.ts';
import { type CoreService, openCoreService } from '../src/service.ts';
import { schedules } from '../src/tasks/schedules.ts';
import { alignTimers } from './maintenance/align-timers.ts';
import { Heartbeat } from './maintenance/heartbeat.ts';
import { endExpiredTasks } from './maintenance/expire-tasks.ts';
import { MaintenanceLoop } from './maintenance/maintenance-loop.ts';
import { Reconciler } from './maintenance/reconciler.ts';
import { rescueLostTasks } from './maintenance/rescue-lost-tasks.ts';
import { openWorkerResources } from './open-worker-resources.ts';
import { RunningAttempts } from './running-attempts.ts';
import { openScheduleWorker } from './schedule-worker.ts';
import { openTaskWorker } from './task-worker.ts';
import { untilAvailable } from './until-available.ts';
import type { WorkerResources } from './worker-resources.ts';

const RECONCILE_INTERVAL_MS = 1000;
/** How late a fire is at most when its timer did not wake anybody. */
const SCHEDULE_INTERVAL_MS = 1000;
const TIMER_INTERVAL_MS = 5000;
/** Of database handlers; statements that claim, record and report have their own, so that neither waits for the other. */
const HANDLER_POOL = 20;
const STATEMENT_POOL = 6;
/** After the grace: how long aborted handlers may take to end, and BullMQ to be told. */
const ABORT_GRACE_MS = 2000;
const CLOSE_GRACE_MS = 2000;

/** A running worker. */
export interface WorkerProcess {
  workerId: string;
  queues: readonly string[];
  /**
   * Takes nothing new → waits for what runs, up to the grace → aborts it by signal and gives it back → closes. Does nothing
   * the second time.
   */
  stop(): Promise<void>;
}

/**
 * Starts a worker: waits for Redis and Postgres, says that it lives, and takes tasks.
 *
 * Throws a `ConfigurationError` when Redis may evict jobs, and the reason of `signal` when that is aborted first.
 */
export async function startWorkerProcess(
  config: ServiceConfig,
  logger: Logger,
  signal: AbortSignal,
): Promise<WorkerProcess> {
  const workerId = newId();
  await using opened = new AsyncDisposableStack();
  const core = await openCoreService({
    config,
    logger,
    applicationName: applicationNameOf(workerId),
    poolSize: HANDLER_POOL,
    statementPoolSize: STATEMENT_POOL,
  });
  opened.defer(() => core.close());
  await whenReady(core.redis, signal);
  const problem = await findRedisProblem(core.redis);
  if (problem) throw new ConfigurationError([`REDIS_URL: ${problem}`]);

  const choices = config.queues ?? core.resources.catalog.queues.map((name) => ({ name, concurrency: undefined }));
  const queues = choices.map(({ name }) => name);
  const names = core.resources.catalog.contracts.map(({ name }) => name);
  const running = new RunningAttempts(logger);
  const heartbeat = new Heartbeat({
    sql: core.resources.sql,
    worker: { id: workerId, queues, names },
    lostAfterMs: config.workerLostAfterMs,
    running,
  });
  const stopping = new AbortController();
  const resources = openWorkerResources({
    config,
    core,
    workerId,
    running,
    heartbeat,
    stopping: stopping.signal,
    logger,
  });
  opened.defer(() => resources.handlerResources.mailer.close());
  opened.defer(() => resources.children.close());
  await untilAvailable({ stopping: signal, logger }, () => heartbeat.runOnce());
  await untilAvailable({ stopping: signal, logger }, () => declareSchedules(core.resources, schedules));

  const redis = openRedis(config.redisUrl, 'consumer', logger.child({}, { level: 'silent' }));
  opened.defer(() => redis.disconnect());
  const taskWorkers = choices.map(({ name, concurrency = config.concurrency }) =>
    openTaskWorker({ queue: name, concurrency, keyPrefix: config.keyPrefix, redis, resources }),
  );
  const firing = { ...core.resources, orm: core.statements };
  const workers = [...taskWorkers, openScheduleWorker({ keyPrefix: config.keyPrefix, redis, resources: firing })];
  const loops = maintenanceLoops({ config, core, resources, firing, heartbeat, known: { names, queues }, logger });
  core.resources.bus
    .subscribeCancel(({ taskId, reason, force }) => running.cancel(taskId, reason, force))
    .catch((error: Error) => logger.debug({ error: error.message }, 'cancellations are found by the heartbeat only'));
  for (const loop of loops) loop.start();
  for (const worker of workers) void worker.run();

  const closing = opened.move();
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await finishTasks({ workers, running, stopping, graceMs: config.shutdownGraceMs, logger });
    await Promise.all(loops.map((loop) => loop.stop()));
    await heartbeat.remove().catch((error: unknown) => logger.debug({ error }, 'the worker is still listed'));
    await endsWithin(
      closing.disposeAsync().then(() => true),
      CLOSE_GRACE_MS,
    );
  };
  return { workerId, queues, stop: () => (stopped ??= stop()) };
}

/** Tasks that no worker knew until this one registered, or that another one parked in the same moment. */
async function dispatchParked({ sql, dispatcher }: CoreService['resources'], known: KnownTasks): Promise<void> {
  dispatcher.noteUncommitted(await unparkTasks(sql, known));
  await dispatcher.dispatchCommitted();
}

/** Resolves when Redis answers. Rejects with the signal's reason. */
async function whenReady(redis: Redis, signal: AbortSignal): Promise<void> {
  while (redis.status !== 'ready') {
    signal.throwIfAborted();
    await delay(50, undefined, { signal });
  }
}

/** What a worker has handlers for, and where it looks for it. */
type KnownTasks = Pick<WorkerDescription, 'names' | 'queues'>;

interface MaintenanceOptions {
  config: ServiceConfig;
  core: CoreService;
  resources: WorkerResources;
  firing: FireResources;
  heartbeat: Heartbeat;
  known: KnownTasks;
  logger: Logger;
}

function maintenanceLoops(options: MaintenanceOptions): MaintenanceLoop[] {
  const { config, core, resources, firing, heartbeat, known, logger } = options;
  const { keyPrefix, workerLostAfterMs } = config;
  const { queues, timers, sql } = core.resources;
  const intervalMs = RECONCILE_INTERVAL_MS;
  const reconciler = new Reconciler({ redis: core.redis, queues, sql, keyPrefix, intervalMs, logger });
  const reconcile = new MaintenanceLoop({ name: 'reconcile', intervalMs, runOnce: () => reconciler.runOnce(), logger });
  const align = new MaintenanceLoop({
    name: 'timers',
    intervalMs: TIMER_INTERVAL_MS,
    runOnce: () => alignTimers({ redis: core.redis, timers, sql, keyPrefix, intervalMs: TIMER_INTERVAL_MS, logger }),
    logger,
  });
  core.redis.on('ready', () => reconcile.poke());
  core.redis.on('ready', () => align.poke());
  return [
    new MaintenanceLoop({
      name: 'heartbeat',
      intervalMs: workerLostAfterMs / 5,
      runOnce: () => heartbeat.runOnce(),
      logger,
    }),
    new MaintenanceLoop({
      name: 'rescue',
      intervalMs: workerLostAfterMs / 5,
      runOnce: () => rescueLostTasks(resources),
      logger,
    }),
    new MaintenanceLoop({
      name: 'parked',
      intervalMs: workerLostAfterMs / 5,
      runOnce: () => dispatchParked(core.resources, known),
      logger,
    }),
    new MaintenanceLoop({ name: 'expire', intervalMs, runOnce: () => endExpiredTasks(resources), logger }),
    new MaintenanceLoop({
      name: 'schedules',
      intervalMs: SCHEDULE_INTERVAL_MS,
      runOnce: async () => void (await fireDueSchedules(firing)),
      logger,
    }),
    reconcile,
    align,
  ];
}

interface FinishOptions {
  workers: readonly Worker[];
  running: RunningAttempts;
  stopping: AbortController;
  graceMs: number;
  logger: Logger;
}

async function finishTasks({ workers, running, stopping, graceMs, logger }: FinishOptions): Promise<void> {
  const closed = Promise.all(workers.map((worker) => worker.close())).then(() => true);
  closed.catch(() => undefined); // a second close follows
  if (running.size > 0) logger.info({ tasks: running.size, graceMs }, 'Waiting for running tasks');
  if (await endsWithin(closed, graceMs)) return;
  logger.warn({ tasks: running.size }, 'The grace is over; running tasks go back to their queues');
  running.endAll(new WorkerStopping(), ABORT_GRACE_MS);
  setTimeout(() => stopping.abort(), ABORT_GRACE_MS).unref();
  if (await endsWithin(closed, ABORT_GRACE_MS + CLOSE_GRACE_MS)) return;
  logger.warn('Redis did not answer; the jobs are looked after when it is back');
}

async function endsWithin(closed: Promise<boolean>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  try {
    return await Promise.race([closed, delay(ms, false, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}
