import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { EmbeddedService } from './embedded-service.ts';
import { REDIS_PROGRAMS, type RedisServer, findRedisServer } from './find-redis-server.ts';
import { freePort } from './free-port.ts';
import { readOrCreatePassword } from './password-file.ts';
import type { StopStep } from './server-process.ts';

export interface EmbeddedRedisOptions {
  /** Where the server keeps all it has; created if missing. */
  dataDir: string;
  /** Where a server program is unpacked if the machine has none; created when needed. */
  cacheDir: string;
  /** On 127.0.0.1; default: a free one. */
  port?: number;
  /** Told what takes long or was unexpected, a line each; the server's own log is `<dataDir>/server.log`. */
  log?: (line: string) => void;
  /** Redis's settings, over those that this module makes: `{ appendfsync: 'no' }`. */
  settings?: Record<string, string>;
}

/** A Redis (or Valkey) server of this process's own; see {@link EmbeddedService}. */
export type EmbeddedRedis = EmbeddedService;

const SETTINGS = {
  bind: '127.0.0.1',
  daemonize: 'no',
  appendonly: 'yes',
  appendfsync: 'everysec',
  save: '', // the append-only file is all the persistence there is
  'maxmemory-policy': 'noeviction', // an evicted key would be a lost job
  hz: '100', // delayed and expired keys are looked at 100 times a second
  'set-proc-title': 'no', // the command line keeps the folder, by which a leftover is known where there is no /proc
};

const STOP_STEPS: readonly [StopStep, ...StopStep[]] = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 5000 },
];

const READY_POLL_MS = 10;

/**
 * Starts a Redis server on 127.0.0.1, with a password of its own and what is written kept over restarts.
 *
 * @throws RedisServerNotFoundError when there is no server program and none could be unpacked.
 * @throws EmbeddedServiceError when it does not start, with the end of its log.
 * @throws DataFolderInUseError while another live process holds `dataDir`.
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const { cacheDir, port = await freePort(), log = () => {}, settings = {} } = options;
  const folder = resolve(options.dataDir);
  const workFolder = join(folder, 'data');
  let server: RedisServer | undefined;
  let password = '';
  const service = new EmbeddedService({
    name: 'Redis',
    folder,
    url: () => `redis://:${password}@127.0.0.1:${port}`,
    port,
    workFolder,
    programs: REDIS_PROGRAMS,
    stopSteps: STOP_STEPS,
    prepare: async () => {
      server ??= await findRedisServer({ cacheDir, log });
      password = await readOrCreatePassword(join(folder, 'password'));
      await mkdir(workFolder, { recursive: true });
      const configuration = { ...SETTINGS, ...settings, port: String(port), dir: workFolder, requirepass: password };
      const configurationFile = join(workFolder, 'redis.conf');
      await writeFile(configurationFile, formatConfiguration(configuration), { mode: 0o600 });
      return { file: server.file, args: [configurationFile], cwd: workFolder, env: server.env };
    },
    untilReady: (_pid, signal) => untilReady(service.url, signal),
    log,
  });
  await service.start();
  return service;
}

/** Redis reads a quoted value with the escapes that JSON writes. */
function formatConfiguration(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}\n`)
    .join('');
}

/** A client is ready when the server has let it in and has finished loading its data. */
async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  const client = new Redis(url, { retryStrategy: () => READY_POLL_MS, maxRetriesPerRequest: null });
  client.on('error', () => {}); // refused until the server listens
  await new Promise<void>((resolve) => {
    client.once('ready', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  client.disconnect();
}
