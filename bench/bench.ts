import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate } from '../src/db/migrate.ts';
import { runStatement } from '../src/dev/administer-postgres.ts';
import { startEmbeddedPostgres } from '../src/dev/embedded-postgres.ts';
import { startEmbeddedRedis } from '../src/dev/embedded-redis.ts';
import type { Child } from './child.ts';
import type { BenchOptions } from './options.ts';
import type { Measure } from './report.ts';
import { World } from './world.ts';

const PROJECT = join(import.meta.dirname, '..');

/** What the parts run on. */
export interface Bench extends AsyncDisposable {
  options: BenchOptions;
  /** As Postgres itself says it. */
  postgresVersion: string;
  /** Fires when the benchmark is to end at once. */
  signal: AbortSignal;
  openWorld(name: string): Promise<World>;
}

/** Measures one thing and prints its figures; answers those for the summary. */
export type BenchPart = (bench: Bench) => Promise<Measure[]>;

/**
 * Starts a Postgres and a Redis with the settings of production. They live below the project rather than in the system's
 * temporary folder, which is memory on some machines: there a commit would not wait for a disk.
 */
export async function openBench(options: BenchOptions, signal: AbortSignal): Promise<Bench> {
  await using opened = new AsyncDisposableStack();
  await mkdir(join(PROJECT, '.data'), { recursive: true });
  const folder = await mkdtemp(join(PROJECT, '.data', 'bench-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const settings = options.statements ? { shared_preload_libraries: 'pg_stat_statements' } : {};
  const postgres = opened.use(await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings }));
  const redis = opened.use(
    await startEmbeddedRedis({ dataDir: join(folder, 'redis'), cacheDir: join(PROJECT, '.cache') }),
  );
  const children: Child[] = [];
  const endChildren = async () => void (await Promise.all(children.map((child) => child[Symbol.asyncDispose]())));
  opened.defer(endChildren);
  signal.addEventListener('abort', () => void endChildren()); // what waits for them ends too
  const templateUrl = postgres.url;
  const redisUrl = redis.url;
  await migrate({ databaseUrl: templateUrl });
  if (options.statements) await runStatement(templateUrl, 'create extension pg_stat_statements');
  const [row] = await runStatement(templateUrl, 'show server_version');

  const closing = opened.move();
  const { logLevel } = options;
  return {
    options,
    signal,
    postgresVersion: String(row?.['server_version']),
    openWorld: (name) =>
      World.open({ name, signal, templateUrl, redisUrl, folder, logLevel, onStart: (child) => children.push(child) }),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
