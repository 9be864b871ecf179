import { pino } from 'pino';
import { readServiceConfig, type ServiceConfig } from '../../src/config.ts';
import { type Service, openService } from '../../src/service.ts';
import type { World } from './world.ts';

/** The configuration of a test's world. */
export function configOf({ databaseUrl, redisUrl, prefix }: World): ServiceConfig {
  return readServiceConfig({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, KEY_PREFIX: prefix });
}

/** The resources of an API in the test's own process; close them in the end. */
export function openTestService(world: World): Promise<Service> {
  return openService(configOf(world), pino({ level: 'silent' }));
}
