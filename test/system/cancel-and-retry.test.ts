import { expect } from 'vitest';
import type { ApiClient } from '../support/api-client.ts';
import { test } from '../support/taskwire.ts';

test('a task cancelled before it starts never runs, also without Redis and without a worker', async ({
  isolated,
  services,
}) => {
  const { client } = await isolated.startApi();
  const id = await client.enqueue('noop');
  const watch = client.watch(id, { after: 0 });
  await watch.until(({ type }) => type === 'ENQUEUED');
  await services.redis.stop();

  const revoked = await mutate(client, 'cancelTask', id, 'reason: "no longer needed"');
  const again = await mutate(client, 'cancelTask', id);
  await services.redis.start();
  await isolated.startWorker();
  const later = await client.enqueue('noop');
  await client.finished(later);

  expect(revoked).toMatchObject({ task: { state: 'REVOKED' }, userErrors: [] });
  expect(again.userErrors).toMatchObject([{ code: 'TASK_ALREADY_FINISHED' }]);
  expect((await watch.completed).map(({ type }) => type)).toEqual(['ENQUEUED', 'REVOKED']);
  expect(await client.task(id)).toMatchObject({ state: 'REVOKED', attempt: 0, error: { code: 'CANCELLED' } });
});

test('cancelling a running task aborts its signal and ends it as REVOKED', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const id = await client.enqueue('countdown', { steps: 1000, stepMs: 100 });
  const watch = client.watch(id);
  await watch.until(({ type }) => type === 'PROGRESS');

  const { userErrors } = await mutate(client, 'cancelTask', id, 'reason: "enough"');
  const events = await watch.completed;

  expect(userErrors).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: 'REVOKED', error: { code: 'CANCELLED', message: 'enough' } });
});

test('a cancellation whose message was lost is found by the heartbeat', async ({ isolated, services }) => {
  const { client } = await isolated.startApi();
  await isolated.startWorker();
  const id = await client.enqueue('countdown', { steps: 1000, stepMs: 100 });
  const watch = client.watch(id);
  await watch.until(({ type }) => type === 'PROGRESS');

  await services.redis.stop();
  await mutate(client, 'cancelTask', id);
  for (;;) if ((await client.task(id))?.['state'] === 'REVOKED') break;
  await services.redis.start();

  expect((await watch.completed).at(-1)?.type).toBe('REVOKED');
});

test('a failed task can be run again under its id, and its history stays', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const id = await client.enqueue('fail-times', { times: 1, code: 'TOO_BAD' }, { maxAttempts: 1 });
  const failed = await client.finished(id);

  const { task } = await mutate(client, 'retryTask', id);
  const end = await client.finished(id);
  const events = await client.watch(id, { after: 0 }).completed;

  expect(failed).toMatchObject({ type: 'FAILURE', sequence: 3, error: { code: 'TOO_BAD' } });
  expect(task).toMatchObject({ id, state: 'PENDING' });
  expect(end).toMatchObject({ type: 'SUCCESS', result: { attempts: 2 } });
  expect(events.map(({ sequence, type }) => `${sequence} ${type}`)).toEqual([
    '1 ENQUEUED',
    '2 STARTED',
    '3 FAILURE',
    '4 ENQUEUED',
    '5 STARTED',
    '6 SUCCESS',
  ]);
  expect((await mutate(client, 'retryTask', id)).userErrors).toMatchObject([{ code: 'TASK_ALREADY_FINISHED' }]);
});

test('a failing attempt is tried again with a growing delay until the attempts are used up', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const id = await client.enqueue('fail-times', { times: 5, code: 'STILL_BAD' }, { maxAttempts: 2 });

  const events = await client.watch(id, { after: 0 }).completed;
  const retry = events.find(({ type }) => type === 'RETRY');
  const second = events.find(({ type, attempt }) => type === 'STARTED' && attempt === 2);

  expect(events.map(({ type }) => type)).toEqual(['ENQUEUED', 'STARTED', 'RETRY', 'STARTED', 'FAILURE']);
  expect(retry?.error).toMatchObject({ code: 'STILL_BAD', retryable: true });
  const waitedMs = Date.parse(second?.at ?? '') - Date.parse(retry?.at ?? '');
  expect(waitedMs).toBeGreaterThanOrEqual(450); // half of the first second is fixed, less the clocks' slack
});

async function mutate(client: ApiClient, mutation: string, id: string, more = ''): Promise<any> {
  const query = `mutation ($id: ID!) { ${mutation}(id: $id ${more}) { task { id state } userErrors { code } } }`;
  return (await client.request(query, { id }))[mutation];
}
