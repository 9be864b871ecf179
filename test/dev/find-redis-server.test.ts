import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type RedisServer, RedisServerNotFoundError, findRedisServer } from '../../src/dev/find-redis-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Looks only in `folder`, where there is no apt either. */
function findIn(folder: string): Promise<RedisServer> {
  return findRedisServer({ cacheDir: join(folder, 'cache'), searchPath: folder, log: () => {} });
}

async function installProgram(folder: string, name: string, versionLine: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\necho '${versionLine}'\n`, { mode: 0o755 });
}

test('a machine without any gets one error that names the ways on', async () => {
  await using folder = await temporaryFolder();

  const search = findIn(folder.path);

  await expect(search).rejects.toThrow(
    [
      'Expected a Redis (or Valkey) server of version 6.2 or higher on this machine, got none:',
      '  neither redis-server nor valkey-server is on the PATH',
      '  none can be unpacked from a package of the system: that is done only on Debian, Ubuntu and their kin',
      'Any one of these helps:',
      '  install redis or valkey with your package manager (apt install redis-server, brew install redis, …);',
      '  set REDIS_URL to a server that runs elsewhere;',
      '  run all of Taskwire in Docker with docker compose up.',
    ].join('\n'),
  );
});

test('a server that is too old is not taken, and the error says so', async () => {
  await using folder = await temporaryFolder();
  await installProgram(
    folder.path,
    'redis-server',
    'Redis server v=5.0.7 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64',
  );

  const search = findIn(folder.path);

  await expect(search).rejects.toBeInstanceOf(RedisServerNotFoundError);
  await expect(search).rejects.toThrow(`${join(folder.path, 'redis-server')} has version 5.0.7`);
});

test('a Valkey server does as well, also beside a Redis that is too old', async () => {
  await using folder = await temporaryFolder();
  await installProgram(
    folder.path,
    'redis-server',
    'Redis server v=5.0.7 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64',
  );
  await installProgram(
    folder.path,
    'valkey-server',
    'Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64',
  );

  const found = await findIn(folder.path);

  expect(found).toMatchObject({ file: join(folder.path, 'valkey-server'), version: '8.1.1' });
});

test('version 6.10 counts as newer than 6.2', async () => {
  await using folder = await temporaryFolder();
  await installProgram(folder.path, 'redis-server', 'Redis server v=6.10.0 sha=00000000:0 malloc=libc bits=64');

  expect(await findIn(folder.path)).toMatchObject({ version: '6.10.0' });
});
