import { expect } from 'vitest';
import { ManagedProcess } from '../support/managed-process.ts';
import { test } from '../support/taskwire.ts';

const WRONG = {
  DATABASE_URL: 'mysql://root:secret@db/x',
  REDIS_URL: '',
  PORT: '70000',
  CONCURRENCY: 'many',
  QUEUES: 'Email,file',
  LOG_LEVEL: 'loud',
  MAX_UPLOAD_BYTES: '-1',
};

test.for(['src/main.ts', 'worker/main.ts', 'src/db/migrate-main.ts'])(
  '%s names every wrong variable at once and exits 1 before it opens anything',
  async (script, { taskwire }) => {
    const started = taskwire.spawn(script, WRONG);

    expect(await started.exited).toEqual({ code: 1, signal: null });
    expect(started.stderr.trim().split('\n')).toEqual([
      'The configuration has 7 problem(s):',
      '  REDIS_URL: expected a URL of a running service, got: nothing',
      '  DATABASE_URL: expected a URL that starts with postgres:// or postgresql://, got: something else (not shown: it may hold a password)',
      '  PORT: expected an integer from 0 to 65535, got: "70000"',
      '  CONCURRENCY: expected an integer from 1 to 1000, got: "many"',
      '  QUEUES: expected different kebab-case names separated by commas, each alone or as name=tasks with 1 to 1000 tasks, got: "Email,file"',
      expect.stringContaining('  LOG_LEVEL: Invalid option: expected one of "fatal"|"error"|"warn"'),
      '  MAX_UPLOAD_BYTES: expected an integer from 1 to 2147483647, got: "-1"',
    ]);
    expect(started.lines).toEqual([]);
  },
);

test.for(['src/dev/start.ts', 'src/main.ts', 'src/db/migrate-main.ts'])(
  '%s starts nothing with arguments that it would not heed',
  async (script) => {
    await using started = new ManagedProcess(script, {}, ['--port', '4400']);

    expect(await started.exited).toEqual({ code: 1, signal: null });
    expect(started.stderr).toContain('command line: expected no arguments');
    expect(started.stderr).toContain('got: --port 4400');
    expect(started.lines).toEqual([]);
  },
);

test('a worker refuses a Redis that may evict jobs, and says how to mend it', async ({ isolated, services }) => {
  const { Redis } = await import('ioredis');
  const redis = new Redis(services.redisUrl);
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  redis.disconnect();

  const worker = isolated.spawn('worker/main.ts');

  expect(await worker.exited).toEqual({ code: 1, signal: null });
  expect(worker.stderr).toContain('expected Redis to have maxmemory-policy noeviction, got: allkeys-lru');
});

test('an API whose port is taken says which, and exits 1', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const { port } = new URL(client.url);

  const second = taskwire.spawn('src/main.ts', { PORT: port });

  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.stderr).toContain(port);
  expect(second.stderr).toContain('PORT');
});

test('an API whose database does not exist says so when it is asked', async ({ taskwire, world }) => {
  const missing = new URL(world.databaseUrl);
  missing.pathname = '/no-such-database';

  const { client } = await taskwire.startApi({ DATABASE_URL: missing.href });
  const { errors } = await client.send('mutation { enqueueNoop { task { id } } }');

  expect(errors?.[0]?.extensions?.code).toBe('SERVICE_UNAVAILABLE');
});
