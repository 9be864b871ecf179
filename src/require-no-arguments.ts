import { ConfigurationError } from './core/errors.ts';

/**
 * For programs that only the environment configures: `npm start -- --port 5000` would else quietly start on another port.
 *
 * Throws a `ConfigurationError` when there is anything on the command line.
 */
export function requireNoArguments(args: readonly string[] = process.argv.slice(2)): void {
  if (args.length === 0) return;
  const expected = 'no arguments, as the environment says it all (PORT=5000 instead of --port 5000; see README)';
  throw new ConfigurationError([`command line: expected ${expected}, got: ${args.join(' ')}`]);
}
