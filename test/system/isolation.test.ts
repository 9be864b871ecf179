import { expect } from 'vitest';
import type { ApiClient, WatchedEvent } from '../support/api-client.ts';
import { childrenOf, untilChildOf, untilGone } from '../support/child-processes.ts';
import { test } from '../support/taskwire.ts';

/** Longer than any test: only its end from outside ends it. */
const FOR_EVER_MS = 600_000;
const HARD_LIMIT_MS = 10_000;
const CANCEL_GRACE_MS = 5000;

async function cancel(client: ApiClient, id: string, force: boolean): Promise<void> {
  await client.request(
    'mutation ($id: ID!, $force: Boolean!) { cancelTask(id: $id, force: $force) { userErrors { message } } }',
    { id, force },
  );
}

/** Milliseconds between the first and the last event that are given. */
function timeBetween(first: WatchedEvent, last: WatchedEvent): number {
  return Date.parse(last.at) - Date.parse(first.at);
}

test('a task that blocks beyond its hard limit is gone within a second, and its neighbour is none the wiser', async ({
  taskwire,
}) => {
  const { client } = await taskwire.startApi();
  const worker = await taskwire.startWorker();
  const blocking = client.watch(await client.enqueue('block', { ms: FOR_EVER_MS }), { after: 0 });
  const neighbour = client.watch(await client.enqueue('countdown', { steps: 120, stepMs: 100 }), { after: 0 });
  const started = await blocking.until(({ type }) => type === 'STARTED');
  const child = await untilChildOf(worker);

  const end = (await blocking.completed).at(-1)!;
  await untilGone(child);

  expect(end).toMatchObject({ type: 'FAILURE', attempt: 1, error: { code: 'HARD_TIME_LIMIT' } });
  expect(timeBetween(started, end)).toBeGreaterThan(HARD_LIMIT_MS - 500);
  expect(timeBetween(started, end)).toBeLessThan(HARD_LIMIT_MS + 1000);
  expect((await neighbour.completed).at(-1)).toMatchObject({ type: 'SUCCESS', attempt: 1 });
});

test.for([
  ['at once when it is forced', true, 0],
  ['after its grace', false, CANCEL_GRACE_MS],
] as const)('a cancelled task that hears nothing is ended %s', async ([, force, afterMs], { taskwire }) => {
  const { client } = await taskwire.startApi();
  const worker = await taskwire.startWorker();
  const id = await client.enqueue('block', { ms: FOR_EVER_MS });
  const child = await untilChildOf(worker);

  const since = performance.now();
  await cancel(client, id, force);
  const end = await client.finished(id);
  const tookMs = performance.now() - since;
  await untilGone(child);

  expect(end).toMatchObject({ type: 'REVOKED', attempt: 1, error: { code: 'CANCELLED' } });
  expect(tookMs).toBeGreaterThanOrEqual(afterMs);
  expect(tookMs).toBeLessThan(afterMs + 1500);
});

test('a task that computes in a child does not slow the event loop of its worker', async ({ taskwire }) => {
  const blockMs = 3000;
  taskwire.offerTestTasks();
  const [{ client }] = await Promise.all([taskwire.startApi(), taskwire.startWorker()]);
  const blocking = client.watch(await client.enqueue('block', { ms: blockMs }), { after: 0 });
  await blocking.until(({ type }) => type === 'STARTED');

  const measured = await client.finished(await client.enqueue('loop-delay', { ms: blockMs }));

  expect((await blocking.completed).at(-1)).toMatchObject({ type: 'SUCCESS', result: { ms: blockMs } });
  expect(measured.result.maxMs).toBeGreaterThan(0);
  expect(measured.result.maxMs).toBeLessThan(blockMs / 6); // in the worker itself it would be all of it
});

test('a child that is killed fails its own task only, which is tried again', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const worker = await taskwire.startWorker();
  const watches = (await client.enqueueMany('block', [{ ms: 2500 }, { ms: 2500 }])).map((id) =>
    client.watch(id, { after: 0 }),
  );
  await Promise.all(watches.map((watch) => watch.until(({ type }) => type === 'STARTED')));

  process.kill(await untilChildOf(worker), 'SIGKILL');
  const histories = await Promise.all(watches.map((watch) => watch.completed));

  const retries = histories.map((events) => events.flatMap(({ type, error }) => (type === 'RETRY' ? error : [])));
  const ends = histories.map((events) => events.at(-1)).toSorted((a, b) => a!.attempt - b!.attempt);
  expect(retries.flat()).toMatchObject([
    { code: 'CHILD_CRASHED', message: expect.stringContaining('killed by SIGKILL'), retryable: true },
  ]);
  expect(ends).toMatchObject([
    { type: 'SUCCESS', attempt: 1 },
    { type: 'SUCCESS', attempt: 2 },
  ]);
});

test('a worker uses a child again', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const worker = await taskwire.startWorker();
  await client.finished(await client.enqueue('block', { ms: 1 }));
  const first = await childrenOf(worker);

  await client.finished(await client.enqueue('block', { ms: 1 }));

  expect(first).toHaveLength(1);
  expect(await childrenOf(worker)).toEqual(first);
});

test('a worker that stops leaves no child behind', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const worker = await taskwire.startWorker({ SHUTDOWN_GRACE_SECONDS: '0.2' });
  const quick = await client.enqueueMany('block', [{ ms: 300 }, { ms: 300 }]);
  await Promise.all(quick.map((id) => client.finished(id)));
  const blocking = client.watch(await client.enqueue('block', { ms: FOR_EVER_MS }), { after: 0 });
  await blocking.until(({ type }) => type === 'STARTED');
  const children = await childrenOf(worker);

  expect(await worker.stop()).toEqual({ code: 0, signal: null });

  expect(children.length).toBeGreaterThan(0);
  await Promise.all(children.map(untilGone));
  expect(await blocking.until(({ type }) => type === 'RETRY')).toMatchObject({ error: { code: 'WORKER_STOPPING' } });
});

test('a worker that is killed leaves no child behind, whatever that does', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const worker = await taskwire.startWorker();
  const quick = await client.enqueueMany('block', [{ ms: 300 }, { ms: 300 }]);
  await Promise.all(quick.map((id) => client.finished(id)));
  const blocking = client.watch(await client.enqueue('block', { ms: FOR_EVER_MS }));
  await blocking.until(({ state }) => state === 'STARTED');
  const children = await childrenOf(worker);

  await worker.kill();
  const tookMs = await Promise.all(children.map(untilGone));

  expect(children.length).toBeGreaterThan(0);
  expect(Math.max(...tookMs)).toBeLessThan(1000);
});
