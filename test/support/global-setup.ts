import type { TestProject } from 'vitest/node';
import { startServices } from './services.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated database to which nothing may connect, because the tests' databases are cloned from it. */
    templateUrl: string;
    /** The Redis that the tests share; each keeps to its own key prefix. */
    redisUrl: string;
  }
}

/** Starts one Postgres and one Redis for the whole run; answers what stops them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await startServices();
  project.provide('templateUrl', services.databaseUrl);
  project.provide('redisUrl', services.redisUrl);
  return async () => services[Symbol.asyncDispose]();
}
