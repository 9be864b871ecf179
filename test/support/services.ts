import { join } from 'node:path';
import { migrate } from '../../src/db/migrate.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/dev/embedded-redis.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Where `npm start` keeps a downloaded redis-server too. */
export const REDIS_CACHE_FOLDER = join(import.meta.dirname, '..', '..', '.cache');

/** Faster. What is committed outlives a kill of the server, but not a crash of the machine. */
export const FORGETFUL_POSTGRES = { fsync: 'off', full_page_writes: 'off' };
export const FORGETFUL_REDIS = { appendfsync: 'no' };

/** A Postgres and a Redis that belong to one test, which may stop and start them, or kill them by their `pid`. */
export interface Services extends AsyncDisposable {
  postgres: EmbeddedPostgres;
  redis: EmbeddedRedis;
  /** A migrated, empty database. */
  databaseUrl: string;
  redisUrl: string;
  /** As in a `World`; here any would do. */
  prefix: string;
}

/** Starts both, which takes one to two seconds. Disposing stops them and deletes what they kept. */
export async function startServices(): Promise<Services> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await temporaryFolder());
  const postgres = resources.use(
    await startEmbeddedPostgres({ dataDir: join(path, 'postgres'), settings: FORGETFUL_POSTGRES }),
  );
  const redis = resources.use(
    await startEmbeddedRedis({
      dataDir: join(path, 'redis'),
      cacheDir: REDIS_CACHE_FOLDER,
      settings: FORGETFUL_REDIS,
    }),
  );
  await migrate({ databaseUrl: postgres.url });
  const kept = resources.move();
  return {
    postgres,
    redis,
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    prefix: 'test',
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
