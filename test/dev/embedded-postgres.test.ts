import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { expect, inject, test, vi } from 'vitest';
import { runStatement, withDatabase } from '../../src/dev/administer-postgres.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import { EmbeddedServiceError } from '../../src/dev/embedded-service.ts';
import { folderForPrograms, openCluster, postgresEnvironment } from '../../src/dev/postgres-cluster.ts';
import { startScript } from '../support/script-process.ts';
import { FORGETFUL_POSTGRES } from '../support/services.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MODULE = new URL('../../src/dev/embedded-postgres.ts', import.meta.url).href;

const WAIT = { timeout: 20_000, interval: 10 };

function start(dataDir: string): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, settings: FORGETFUL_POSTGRES });
}

async function lineWith(text: string, stream: Readable): Promise<string> {
  for await (const line of createInterface(stream)) if (line.includes(text)) return line;
  throw new Error(`Expected a line with «${text}», got the end`);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('what is written is there after stop and start, on the same port', async () => {
  await using folder = await temporaryFolder();
  await using postgres = await start(folder.path);
  const { url, port } = postgres;
  await runStatement(url, 'create table kept as select 42 as answer');

  await postgres.stop();
  await postgres.stop();
  expect(postgres.pid).toBeUndefined();
  await postgres.start();
  await postgres.start();

  expect(postgres).toMatchObject({ url, port });
  expect(await runStatement(url, 'select * from kept')).toEqual([{ answer: 42 }]);
});

test('a later run finds the data of an earlier one, and the database taskwire although it was dropped', async () => {
  await using folder = await temporaryFolder();
  const first = await start(folder.path);
  await runStatement(withDatabase(first.url, 'postgres'), 'create table kept as select 42 as answer');
  await runStatement(withDatabase(first.url, 'postgres'), 'drop database taskwire');
  await first.stop();

  await using second = await start(folder.path);

  expect(await runStatement(withDatabase(second.url, 'postgres'), 'select * from kept')).toEqual([{ answer: 42 }]);
  expect(await runStatement(second.url, 'select current_database() as name')).toEqual([{ name: 'taskwire' }]);
});

test('a server that was killed while it worked starts again and has kept what was committed', async () => {
  await using folder = await temporaryFolder();
  await using postgres = await start(folder.path);
  await runStatement(postgres.url, 'create table kept as select 42 as answer');
  const busy = runStatement(postgres.url, 'select count(*) from generate_series(1, 1e12)').catch(() => 'interrupted');
  await vi.waitUntil(async () => {
    const query =
      "select 1 from pg_stat_activity where state = 'active' and query like '%1e12%' and pid <> pg_backend_pid()";
    return (await runStatement(postgres.url, query)).length > 0;
  }, WAIT);
  const killed = postgres.pid!;

  process.kill(killed, 'SIGKILL');
  expect(await postgres.ended).toBe(`PostgreSQL (process ${killed}) ended by itself: SIGKILL`);
  await postgres.start();

  expect(await runStatement(postgres.url, 'select * from kept')).toEqual([{ answer: 42 }]);
  expect(await busy).toBe('interrupted');
});

test('a server that a killed run has left is ended, and a new one starts on its data', async () => {
  await using folder = await temporaryFolder();
  await using postgres = await start(folder.path);
  await runStatement(postgres.url, 'create table kept as select 42 as answer');
  await postgres.stop();
  const cluster = await openCluster(join(folder.path, 'cluster'), {
    password: '',
    database: '',
    durable: false,
    log: () => {},
  });
  const left = spawn(
    cluster.binaries.postgres,
    ['-D', folderForPrograms(cluster), '-p', String(postgres.port), '-c', 'unix_socket_directories='],
    {
      cwd: cluster.folder,
      env: postgresEnvironment(),
      ...cluster.user,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  await lineWith('ready to accept connections', left.stderr);

  const [[exitCode]] = await Promise.all([once(left, 'exit'), postgres.start()]);

  expect(exitCode).toBe(0);
  expect(await runStatement(postgres.url, 'select * from kept')).toEqual([{ answer: 42 }]);
});

test('the server ends when the process that started it is killed', async () => {
  await using folder = await temporaryFolder();
  await using starter = startScript(`
    import { startEmbeddedPostgres } from ${JSON.stringify(MODULE)};
    const postgres = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(folder.path)}, settings: { fsync: 'off' } });
    console.log(postgres.pid);
  `);
  const pid = Number(await starter.firstLine);
  expect(isRunning(pid)).toBe(true);

  await starter.kill();

  await vi.waitUntil(() => !isRunning(pid), WAIT);
});

test('a port that is taken is an error that shows what the server said', async () => {
  await using folder = await temporaryFolder();
  await using occupant = createServer();
  occupant.listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;

  const failed = await startEmbeddedPostgres({ dataDir: folder.path, port }).catch((error: unknown) => error);

  expect(failed).toBeInstanceOf(EmbeddedServiceError);
  const { message } = failed as Error;
  expect(message).toContain(
    `PostgreSQL did not start: it ended with exit code 1. The end of ${join(folder.path, 'server.log')}:`,
  );
  expect(message).toContain('could not bind IPv4 address "127.0.0.1": Address already in use');
});

test('a second server on the same folder is refused while the first one runs', async () => {
  await using folder = await temporaryFolder();
  await using postgres = await start(folder.path);

  const second = start(folder.path);

  await expect(second).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE', pid: process.pid });
  expect(await runStatement(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('nobody gets in without the password', async () => {
  const url = new URL(inject('templateUrl'));
  url.password = 'guess';

  await expect(runStatement(url.href, 'select 1')).rejects.toThrow(
    'password authentication failed for user "postgres"',
  );
});
