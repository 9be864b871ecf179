import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { test as base, inject } from 'vitest';
import { runStatement, withDatabase } from '../../src/dev/administer-postgres.ts';
import { startServices } from './services.ts';

/** What one test has to itself, although all share a Postgres and a Redis. */
export interface World {
  /** An empty database of the newest version. It is dropped when the test ends. */
  databaseUrl: string;
  redisUrl: string;
  /** What all the test's keys and channels in Redis begin with. */
  prefix: string;
}

/** How long a connection that a test has closed may take to be gone from the server, in milliseconds. */
const CLOSING_TIME_MS = 2000;
const CLOSING_POLL_MS = 10;

/**
 * vitest's `test` with Taskwire's fixtures. A test gets those that it names:
 *
 * - `world`: a database and a key prefix of its own. A test that ends with a connection to the database still open
 *   fails, and the message names it: something was left running.
 * - `services`: a Postgres and a Redis of its own, which it may stop, start and kill. For tests of faults; slower.
 */
export const test = base
  .extend('world', async ({}, { onCleanup }): Promise<World> => {
    const template = inject('templateUrl');
    const name = `test_${randomBytes(6).toString('hex')}`;
    await onServer(template, `create database ${name} template ${databaseName(template)}`);
    onCleanup(async () => {
      const open = await openConnections(template, name);
      await onServer(template, `drop database ${name} with (force)`);
      if (open.length > 0) throw new Error(`The test left connections to its database open: ${open.join(', ')}`);
    });
    return { databaseUrl: withDatabase(template, name), redisUrl: inject('redisUrl'), prefix: name };
  })
  .extend('services', async ({}, { onCleanup }) => {
    const services = await startServices();
    onCleanup(async () => services[Symbol.asyncDispose]());
    return services;
  });

/** The names that the connections gave themselves, once those that are just closing have closed. */
async function openConnections(template: string, database: string): Promise<unknown[]> {
  const deadline = performance.now() + CLOSING_TIME_MS;
  for (;;) {
    const rows = await onServer(template, 'select application_name from pg_stat_activity where datname = ?', [
      database,
    ]);
    if (rows.length === 0 || performance.now() > deadline) return rows.map((row) => row['application_name']);
    await delay(CLOSING_POLL_MS);
  }
}

function databaseName(url: string): string {
  return new URL(url).pathname.slice(1);
}

function onServer(template: string, statement: string, parameters?: unknown[]): ReturnType<typeof runStatement> {
  return runStatement(withDatabase(template, 'postgres'), statement, parameters);
}
