import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { closeOrm, openOrm } from '../src/db/orm.ts';
import { poolSql, type Sql } from '../src/db/sql.ts';
import { runStatement, withDatabase } from '../src/dev/administer-postgres.ts';
import { Child } from './child.ts';

export interface WorldOptions {
  /** Also the name of its database. */
  name: string;
  /** A migrated database to which nothing is connected. */
  templateUrl: string;
  redisUrl: string;
  /** For logs and data. */
  folder: string;
  logLevel: string;
  /** When it has fired, nothing is started or queried any more. */
  signal: AbortSignal;
  /** Told of each process that was started. */
  onStart(child: Child): void;
}

export interface StartOptions {
  environment?: Record<string, string>;
  /** Options of Node. */
  nodeOptions?: readonly string[];
}

/** What one part has to itself: a database, an empty Redis, and processes. Disposing ends and deletes all of it. */
export class World implements AsyncDisposable {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly keyPrefix: string;
  readonly folder: string;
  /** Of the product's processes. */
  readonly environment: Record<string, string>;
  readonly #options: WorldOptions;
  readonly #opened = new AsyncDisposableStack();

  private constructor(options: WorldOptions) {
    const { name, templateUrl, redisUrl, logLevel } = options;
    this.#options = options;
    this.databaseUrl = withDatabase(templateUrl, name);
    this.redisUrl = redisUrl;
    this.keyPrefix = `bench-${name}`;
    this.folder = join(options.folder, name);
    this.environment = {
      DATABASE_URL: this.databaseUrl,
      REDIS_URL: redisUrl,
      KEY_PREFIX: this.keyPrefix,
      DATA_DIR: this.folder,
      PORT: '0',
      LOG_LEVEL: logLevel,
      DIAGNOSTIC_TASKS: 'true',
      NODE_ENV: 'production',
    };
  }

  static async open(options: WorldOptions): Promise<World> {
    const world = new World(options);
    const { name, templateUrl } = options;
    const template = new URL(templateUrl).pathname.slice(1);
    await mkdir(world.folder, { recursive: true });
    await world.#onServer(`create database ${name} template ${template}`);
    world.#opened.defer(() => world.#onServer(`drop database ${name} with (force)`));
    world.#opened.defer(() => flush(world.redisUrl));
    return world;
  }

  /** Starts a script of the project, with the product's environment. */
  async start(name: string, script: string, { environment = {}, nodeOptions = [] }: StartOptions = {}): Promise<Child> {
    this.#options.signal.throwIfAborted();
    const child = await Child.start({
      name,
      script,
      environment: { ...this.environment, ...environment },
      nodeOptions,
      logFile: join(this.folder, `${name.replaceAll(' ', '-')}.log`),
    });
    this.#options.onStart(child);
    return this.#opened.use(child);
  }

  /** Runs a statement on a connection of its own. */
  async query(statement: string, parameters: unknown[] = []): ReturnType<typeof runStatement> {
    this.#options.signal.throwIfAborted();
    return runStatement(this.databaseUrl, statement, parameters);
  }

  /** Statements on a pool of their own. */
  async openSql(): Promise<{ sql: Sql; close(): Promise<void> }> {
    const logger = pino({ level: 'silent' });
    const orm = await openOrm({
      databaseUrl: this.databaseUrl,
      applicationName: 'taskwire:bench',
      poolSize: 1,
      logger,
    });
    return { sql: poolSql(orm), close: () => closeOrm(orm) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }

  async #onServer(statement: string): Promise<void> {
    await runStatement(withDatabase(this.databaseUrl, 'postgres'), statement);
  }
}

async function flush(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.flushall();
  redis.disconnect();
}
