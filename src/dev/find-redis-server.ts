import { delimiter, isAbsolute, join } from 'node:path';
import { TaskwireError } from '../core/errors.ts';
import { runTool } from './run-tool.ts';
import { unpackRedisPackage } from './unpack-redis-package.ts';

/** A Redis or Valkey server program that runs on this machine and is new enough. */
export interface RedisServer {
  file: string;
  env: NodeJS.ProcessEnv;
  version: string;
}

export interface FindRedisServerOptions {
  /** Where a downloaded program is kept; created if missing. */
  cacheDir: string;
  /** Folders to look in, written like PATH; default: PATH. */
  searchPath?: string | undefined;
  /** Told before something is downloaded. */
  log(line: string): void;
}

/** What BullMQ's scripts need at least. */
const LOWEST_VERSION = '6.2';

/** Both speak the same protocol and read the same configuration. */
export const REDIS_PROGRAMS = ['redis-server', 'valkey-server'];

/** There is no Redis server to run, and none could be had; `problems` says what was tried. */
export class RedisServerNotFoundError extends TaskwireError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      'REDIS_SERVER_NOT_FOUND',
      [
        `Expected a Redis (or Valkey) server of version ${LOWEST_VERSION} or higher on this machine, got none:`,
        ...problems.map((problem) => `  ${problem}`),
        'Any one of these helps:',
        '  install redis or valkey with your package manager (apt install redis-server, brew install redis, …);',
        '  set REDIS_URL to a server that runs elsewhere;',
        '  run all of Taskwire in Docker with docker compose up.',
      ].join('\n'),
    );
    this.problems = problems;
  }
}

/**
 * Finds a server program: on the PATH, else in the cache, else in the distribution's own package, which is unpacked into
 * the cache (on Debian, Ubuntu and their kin; nothing is installed and no root needed).
 *
 * @throws RedisServerNotFoundError which names the ways on.
 */
export async function findRedisServer(options: FindRedisServerOptions): Promise<RedisServer> {
  const { cacheDir, searchPath = process.env['PATH'] ?? '', log } = options;
  const problems: string[] = [];
  for (const file of candidates(searchPath)) {
    const version = await versionOf(file, process.env);
    if (version === undefined) continue;
    if (isNewEnough(version)) return { file, env: process.env, version };
    problems.push(`${file} has version ${version}`);
  }
  if (problems.length === 0) problems.push(`neither ${REDIS_PROGRAMS.join(' nor ')} is on the PATH`);
  try {
    const { file, env } = await unpackRedisPackage({ cacheDir, searchPath, log });
    const version = await versionOf(file, env);
    if (version !== undefined && isNewEnough(version)) return { file, env, version };
    problems.push(`the distribution's package brings ${version ?? 'a program that does not run'}`);
  } catch (error) {
    problems.push((error as Error).message.replaceAll('\n', '\n    '));
  }
  throw new RedisServerNotFoundError(problems);
}

function candidates(searchPath: string): string[] {
  const folders = searchPath.split(delimiter).filter((folder) => isAbsolute(folder));
  return REDIS_PROGRAMS.flatMap((program) => folders.map((folder) => join(folder, program)));
}

/** Such as «7.0.15»; undefined if the program is missing or does not run. */
async function versionOf(file: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const output = await runTool(file, ['--version'], { env }).catch(() => '');
  return /\bv=(\d+\.\d+\.\d+)/.exec(output)?.[1];
}

function isNewEnough(version: string): boolean {
  return version.localeCompare(LOWEST_VERSION, 'en', { numeric: true }) >= 0;
}
