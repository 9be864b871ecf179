import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runStatement, withDatabase } from './administer-postgres.ts';
import { EmbeddedService } from './embedded-service.ts';
import { freePort } from './free-port.ts';
import { readOrCreatePassword } from './password-file.ts';
import {
  type PostgresCluster,
  SUPERUSER,
  folderForPrograms,
  isReady,
  openCluster,
  postgresEnvironment,
} from './postgres-cluster.ts';
import type { ServerCommand, StopStep } from './server-process.ts';

export interface EmbeddedPostgresOptions {
  /** Where the server keeps all it has; created if missing. */
  dataDir: string;
  /** On 127.0.0.1; default: a free one. */
  port?: number;
  /** Told what takes long or was unexpected, a line each; the server's own log is `<dataDir>/server.log`. */
  log?: (line: string) => void;
  /** Postgres's settings, over those that this module makes: `{ fsync: 'off' }`. */
  settings?: Record<string, string>;
}

/** A PostgreSQL 18 server of this process's own; see {@link EmbeddedService}. */
export type EmbeddedPostgres = EmbeddedService;

const DATABASE = 'taskwire';

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '300',
};

/** Fast shutdown (rolls back and closes cleanly), then immediate (recovers at the next start), then by force. */
const STOP_STEPS: readonly [StopStep, ...StopStep[]] = [
  { signal: 'SIGINT', waitMs: 30_000 },
  { signal: 'SIGQUIT', waitMs: 5000 },
  { signal: 'SIGKILL', waitMs: 5000 },
];

const READY_POLL_MS = 10;

/**
 * Starts a PostgreSQL server on 127.0.0.1 with a database `taskwire`, making its cluster in `dataDir` the first time.
 *
 * @throws EmbeddedServiceError when it does not start, with the end of its log.
 * @throws DataFolderInUseError while another live process holds `dataDir`.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { port = await freePort(), log = () => {}, settings = {} } = options;
  const folder = resolve(options.dataDir);
  const clusterFolder = join(folder, 'cluster');
  let password = '';
  const service = new EmbeddedService({
    name: 'PostgreSQL',
    folder,
    url: () => `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${DATABASE}`,
    port,
    workFolder: clusterFolder,
    programs: ['postgres'],
    stopSteps: STOP_STEPS,
    prepare: async () => {
      password = await readOrCreatePassword(join(folder, 'password'));
      const durable = settings['fsync'] !== 'off';
      const cluster = await openCluster(clusterFolder, { password, database: DATABASE, durable, log });
      return serverCommand(cluster, { ...SETTINGS, ...settings, port: String(port) });
    },
    untilReady: async (pid, signal) => {
      while (!(await isReady(clusterFolder, pid))) await delay(READY_POLL_MS, undefined, { signal });
      await ensureDatabase(service.url);
    },
    log,
  });
  await service.start();
  return service;
}

function serverCommand(cluster: PostgresCluster, settings: Record<string, string>): ServerCommand {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return {
    file: cluster.binaries.postgres,
    args: ['-D', folderForPrograms(cluster), ...flags],
    cwd: cluster.folder,
    env: postgresEnvironment(),
    user: cluster.user,
  };
}

async function ensureDatabase(url: string): Promise<void> {
  const server = withDatabase(url, 'postgres');
  const found = await runStatement(server, 'select 1 from pg_database where datname = ?', [DATABASE]);
  if (found.length === 0) await runStatement(server, `create database ${DATABASE}`);
}
