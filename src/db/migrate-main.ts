import { readServiceConfig } from '../config.ts';
import { messageOf } from '../core/errors.ts';
import { openLogger } from '../logger.ts';
import { requireNoArguments } from '../require-no-arguments.ts';
import { migrate } from './migrate.ts';

/** `npm run migrate`: brings the database to the newest version and exits; 1 when that did not work. */
try {
  requireNoArguments();
  const { databaseUrl, logLevel } = readServiceConfig();
  const logger = openLogger({ level: logLevel });
  const applied = await migrate({ databaseUrl, logger });
  logger.info({ applied }, applied.length > 0 ? 'Database migrated' : 'Database is up to date');
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
