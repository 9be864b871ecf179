import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { test } from '../support/taskwire.ts';

test('500 tasks waiting and running survive FLUSHALL, with each effect once', async ({ isolated, services }) => {
  const { client } = await isolated.startApi();
  await isolated.startWorker({ CONCURRENCY: '5' });
  const users = await Promise.all(Array.from({ length: 10 }, (_, at) => client.createUser(`u${at}@x.io`)));
  const running = await client.enqueueMany(
    'countdown',
    Array.from({ length: 10 }, () => ({ steps: 10, stepMs: 100 })),
  );
  await client.watch(running[0] ?? '').until(({ type }) => type === 'PROGRESS');
  const waiting = await client.enqueueMany(
    'update-user-stats',
    Array.from({ length: 490 }, (_, at) => ({ userId: users[at % 10] })),
  );

  const redis = new Redis(services.redisUrl);
  await redis.flushall();
  redis.disconnect();
  const ends = await Promise.all([...running, ...waiting].map((id) => client.finished(id)));

  expect(new Set(ends.map(({ state }) => state))).toEqual(new Set(['SUCCESS']));
  for (const id of users) {
    expect((await client.request('query ($id: Int!) { user(id: $id) { loginCount } }', { id })).user.loginCount).toBe(
      49,
    );
  }
});

test('a task is accepted within two seconds while Redis is stopped and runs when it is back', async ({
  isolated,
  services,
}) => {
  const { client } = await isolated.startApi();
  const worker = await isolated.startWorker();
  await client.finished(await client.enqueue('noop'));

  await services.redis.stop();
  const started = performance.now();
  const id = await client.enqueue('countdown', { steps: 3, stepMs: 50 });
  const acceptedAfterMs = performance.now() - started;
  const watch = client.watch(id, { after: 0 });
  await watch.until(({ type }) => type === 'ENQUEUED');
  await services.redis.start();
  const events = await watch.completed;

  expect(acceptedAfterMs).toBeLessThan(2000);
  expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await worker.stop()).toEqual({ code: 0, signal: null });
});

test('an API and a worker that start before Redis work when it comes', async ({ isolated, services }) => {
  await services.redis.stop();
  const { client } = await isolated.startApi();
  const worker = isolated.spawn('worker/main.ts');
  const id = await client.enqueue('noop');

  await services.redis.start();
  await worker.ready();

  expect((await client.finished(id)).state).toBe('SUCCESS');
});

test('while Postgres is stopped the API says so within five seconds, and recovers by itself', async ({
  isolated,
  services,
}) => {
  const { client } = await isolated.startApi();
  await isolated.startWorker();
  const id = await client.enqueue('countdown', { steps: 10, stepMs: 200 });
  const watch = client.watch(id, { after: 0 });
  await watch.until(({ type }) => type === 'PROGRESS');

  await services.postgres.stop();
  const started = performance.now();
  const refused = await client.send('mutation { enqueueNoop { task { id } userErrors { code } } }');
  const refusedAfterMs = performance.now() - started;
  const unread = await client.send(`query { task(id: "${id}") { state } }`);
  await services.postgres.start();
  const events = await watch.completed;

  expect(refused.errors?.[0]?.extensions?.code).toBe('SERVICE_UNAVAILABLE');
  expect(unread.errors?.[0]?.extensions?.code).toBe('SERVICE_UNAVAILABLE');
  expect(refusedAfterMs).toBeLessThan(5000);
  expect(events.at(-1)).toMatchObject({ type: 'SUCCESS', attempt: 1, result: { steps: 10 } });
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  expect((await client.finished(await client.enqueue('noop'))).state).toBe('SUCCESS');
});

test('a Postgres that hangs is answered for within five seconds', async ({ isolated, services }) => {
  const { client } = await isolated.startApi();
  await client.enqueue('noop');
  const postgres = await processTree(services.postgres.pid ?? 0);

  for (const pid of postgres) process.kill(pid, 'SIGSTOP');
  const started = performance.now();
  const refused = await client.send('mutation { enqueueNoop { task { id } userErrors { code } } }');
  const refusedAfterMs = performance.now() - started;
  for (const pid of postgres) process.kill(pid, 'SIGCONT');

  expect(refused.errors?.[0]?.extensions?.code).toBe('SERVICE_UNAVAILABLE');
  expect(refusedAfterMs).toBeLessThan(5000);
  expect(await client.enqueue('noop')).toBeTruthy();
});

/** A process and its children. */
async function processTree(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=']);
  const children = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid);
  return [pid, ...children.map(([child]) => child ?? 0)];
}
