import { expect } from 'vitest';
import { test } from '../support/taskwire.ts';

test('a worker told to stop finishes what it runs, takes nothing new and exits 0', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const worker = await taskwire.startWorker();
  const running = await client.enqueue('countdown', { steps: 10, stepMs: 100 });
  await client.watch(running).until(({ type }) => type === 'PROGRESS');

  const exit = worker.stop();
  await worker.waitForLine(({ msg }) => msg === 'Waiting for running tasks');
  const late = await client.enqueue('noop');

  expect((await client.finished(running)).state).toBe('SUCCESS');
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(await client.task(late)).toMatchObject({ state: 'PENDING', attempt: 0 });
  await taskwire.startWorker();
  expect((await client.finished(late)).state).toBe('SUCCESS');
});

test('a task that outlasts the grace is given back and finished by another worker', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const worker = await taskwire.startWorker({ SHUTDOWN_GRACE_SECONDS: '0.2' });
  const id = await client.enqueue('countdown', { steps: 30, stepMs: 100 });
  const watch = client.watch(id, { after: 0 });
  await watch.until(({ type }) => type === 'PROGRESS');

  expect(await worker.stop()).toEqual({ code: 0, signal: null });
  const givenBack = await watch.until(({ type }) => type === 'RETRY');
  await taskwire.startWorker();
  const events = await watch.completed;

  expect(givenBack.error).toMatchObject({ code: 'WORKER_STOPPING', retryable: true });
  expect(events.at(-1)).toMatchObject({ type: 'SUCCESS', attempt: 2 });
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
});

test('the API told to stop closes its websockets with 1012 and exits 0', async ({ taskwire }) => {
  const api = await taskwire.startApi();
  const id = await api.client.enqueue('noop', {}, { delaySeconds: 3600 });
  const watch = api.client.watch(id);
  await watch.until(({ type }) => type === 'SNAPSHOT');

  const exit = api.process.stop();

  await expect(watch.completed).rejects.toMatchObject({ code: 1012 });
  expect(await exit).toEqual({ code: 0, signal: null });
});

test('API and worker stop while neither Postgres nor Redis is there', async ({ isolated, services }) => {
  const { client, process: api } = await isolated.startApi();
  const worker = await isolated.startWorker({ SHUTDOWN_GRACE_SECONDS: '1' });
  const id = await client.enqueue('countdown', { steps: 1000, stepMs: 100 });
  await client.watch(id).until(({ type }) => type === 'PROGRESS');

  await services.postgres.stop();
  await services.redis.stop();
  const exits = await Promise.all([api.stop(), worker.stop()]);

  expect(exits).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  await services.postgres.start();
  await services.redis.start();
  await isolated.startApi();
});
