import { parseArgs } from 'node:util';
import { ConfigurationError, messageOf } from '../src/core/errors.ts';

/**
 * What `npm run worker -- --queues email,file=2 --concurrency 8` says, as the environment variables that it overrides.
 *
 * Throws a `ConfigurationError` for an option that there is not.
 */
export function readCommandLine(args: readonly string[]): Record<string, string> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { queues: { type: 'string' }, concurrency: { type: 'string' } },
      strict: true,
    });
    return {
      ...(values.queues === undefined ? {} : { QUEUES: values.queues }),
      ...(values.concurrency === undefined ? {} : { CONCURRENCY: values.concurrency }),
    };
  } catch (error) {
    throw new ConfigurationError([`command line: expected --queues and --concurrency only, got: ${messageOf(error)}`]);
  }
}
