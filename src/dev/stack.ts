import { join } from 'node:path';
import type { Config } from '../config.ts';
import { messageOf } from '../core/errors.ts';
import { migrate } from '../db/migrate.ts';
import type { Logger } from '../logger.ts';
import { type ChildService, startChildService } from './child-service.ts';
import { lockDataFolder } from './data-folder-lock.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { startEmbeddedRedis } from './embedded-redis.ts';
import type { EmbeddedService } from './embedded-service.ts';
import { startSandboxServer } from './sandbox-server.ts';

/** Where programs that the machine lacks are unpacked, below the project. */
const CACHE_DIR = join(import.meta.dirname, '..', '..', '.cache');

export interface StackOptions {
  config: Config;
  logger: Logger;
  /** Added to the environment of the API and the worker. */
  environment?: Record<string, string>;
}

/** Everything that Taskwire consists of, in processes of this one's own. */
export interface Stack {
  /** Of the API, with a trailing `/graphql`. */
  url: string;
  /** Resolves with a sentence when a part has ended that should not have. */
  broken: Promise<string>;
  /** First the API and the worker, then the sandbox, Redis and Postgres; does nothing the second time. */
  stop(): Promise<void>;
}

/**
 * Starts Postgres, Redis and the sandbox unless the configuration names others, migrates, and starts the API and a worker.
 *
 * Throws `DataFolderInUseError`, the errors of the embedded services, and an `Error` when the API or the worker ends
 * before it is ready; what was started by then is stopped.
 */
export async function startStack({ config, logger, environment = {} }: StackOptions): Promise<Stack> {
  await using opened = new AsyncDisposableStack();
  const lock = await lockDataFolder(config.dataDir);
  opened.defer(() => lock.release());
  const { databaseUrl, redisUrl, ended } = await startServices(config, logger, opened);
  const applied = await migrate({ databaseUrl, logger });
  if (applied.length > 0) logger.info({ applied }, 'Database migrated');

  const env = {
    ...environment,
    ...(await startSandbox(config, logger, opened)),
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    PORT: String(config.port),
    DATA_DIR: config.dataDir,
  };
  const start = async (name: string, script: string) => {
    const child = await startChildService({ name, script, environment: env });
    opened.defer(() => child.stop());
    return child;
  };
  const starting = [start('The API', join('src', 'main.ts')), start('The worker', join('worker', 'main.ts'))];
  const children = await allStarted(starting);

  const closing = opened.move();
  let stopped: Promise<void> | undefined;
  return {
    url: addressOf(children),
    broken: Promise.race([...children.map((child) => child.ended), ...ended]),
    stop: () => (stopped ??= closing.disposeAsync()),
  };
}

/**
 * The variables of a payment gateway and an exchange rate service that are played, for those that the configuration does
 * not name. None in production: there a payment must not succeed for play.
 */
async function startSandbox(
  { production, paymentGatewayUrl, exchangeRatesUrl }: Config,
  logger: Logger,
  opened: AsyncDisposableStack,
): Promise<Record<string, string>> {
  if (production || (paymentGatewayUrl !== undefined && exchangeRatesUrl !== undefined)) return {};
  const sandbox = opened.use(await startSandboxServer());
  logger.info({ url: sandbox.url }, 'A sandbox plays the payments and exchange rates that are not configured');
  return {
    PAYMENT_GATEWAY_URL: paymentGatewayUrl ?? sandbox.paymentUrl,
    EXCHANGE_RATES_URL: exchangeRatesUrl ?? sandbox.exchangeRatesUrl,
  };
}

/** Waits for all of them also when one rejects: what was started must be known, to be stopped. */
async function allStarted(starting: readonly Promise<ChildService>[]): Promise<ChildService[]> {
  await Promise.allSettled(starting);
  return Promise.all(starting);
}

function addressOf(children: readonly ChildService[]): string {
  const url = children.find(({ ready }) => ready.url !== undefined)?.ready.url;
  if (url === undefined) throw new Error('expected the API to say its address, got none');
  return url;
}

interface Services {
  databaseUrl: string;
  redisUrl: string;
  /** Of those that were started here: resolves when one ends by itself. */
  ended: Promise<string>[];
}

/** Those that the configuration does not name; when one does not start, the other is stopped by `opened`. */
async function startServices(config: Config, logger: Logger, opened: AsyncDisposableStack): Promise<Services> {
  const log = (line: string) => logger.info(line);
  const keep = (service: EmbeddedService) => opened.use(service);
  const [postgres, redis] = await Promise.allSettled([
    config.databaseUrl ?? startEmbeddedPostgres({ dataDir: join(config.dataDir, 'postgres'), log }).then(keep),
    config.redisUrl ??
      startEmbeddedRedis({ dataDir: join(config.dataDir, 'redis'), cacheDir: CACHE_DIR, log }).then(keep),
  ]);
  if (postgres.status === 'fulfilled' && redis.status === 'fulfilled') {
    const started = [postgres.value, redis.value];
    const ended = started.flatMap((service) => (typeof service === 'string' ? [] : [service.ended]));
    return { databaseUrl: urlOf(postgres.value), redisUrl: urlOf(redis.value), ended };
  }
  const problems = [postgres, redis].flatMap((service) =>
    service.status === 'rejected' ? [messageOf(service.reason)] : [],
  );
  throw new Error(problems.join('\n'));
}

function urlOf(service: string | EmbeddedService): string {
  return typeof service === 'string' ? service : service.url;
}
