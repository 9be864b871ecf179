import { expect } from 'vitest';
import type { ApiClient } from '../support/api-client.ts';
import { LIMIT } from '../support/tasks/contracts.ts';
import { test } from '../support/taskwire.ts';

/** How many of these tasks ran at the same time, once they have all ended. */
async function mostAtOnce(client: ApiClient, ids: readonly string[]): Promise<number> {
  await Promise.all(ids.map((id) => client.finished(id)));
  const tasks = await Promise.all(ids.map((id) => client.task(id)));
  const times = tasks.map((task) => ({ from: Date.parse(task?.['startedAt']), to: Date.parse(task?.['finishedAt']) }));
  return Math.max(...times.map(({ from: at }) => times.filter(({ from, to }) => from <= at && at < to).length));
}

test('priorities decide who is next: 0 first, 9 last', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const ids = new Map<number, string>();
  for (const priority of [9, 5, 0, 7, 3]) ids.set(priority, await client.enqueue('noop', {}, { priority }));

  await taskwire.startWorker({ CONCURRENCY: '1' });
  await Promise.all([...ids.values()].map((id) => client.finished(id)));
  const started = await Promise.all(
    [...ids].map(async ([priority, id]) => ({ priority, at: (await client.task(id))?.['startedAt'] as string })),
  );

  const order = started.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)).map(({ priority }) => priority);
  expect(order).toEqual([0, 3, 5, 7, 9]);
});

test('a worker takes only its queues, as the command line says', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const elsewhere = await client.enqueue('noop');
  const routed = await client.enqueue('noop', {}, { queue: 'vip' });

  const worker = taskwire.spawn('worker/main.ts', {}, ['--queues', 'vip=2', '--concurrency', '8']);
  await worker.ready();

  expect((await client.finished(routed)).state).toBe('SUCCESS');
  expect(await client.task(elsewhere)).toMatchObject({ state: 'PENDING', attempt: 0 });
  expect(worker.lines.find(({ msg }) => msg === 'Worker ready')?.['queues']).toEqual(['vip']);
});

test('a queue has its own number of tasks at once, or that of the worker', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const ids = { alone: [] as string[], together: [] as string[] };
  for (let task = 1; task <= 3; task += 1) {
    ids.alone.push(await client.enqueue('countdown', { steps: 4, stepMs: 100 }, { queue: 'alone' }));
    ids.together.push(await client.enqueue('countdown', { steps: 4, stepMs: 100 }, { queue: 'together' }));
  }

  const worker = taskwire.spawn('worker/main.ts', {}, ['--queues', 'alone=1,together', '--concurrency', '3']);
  await worker.ready();

  expect(await mostAtOnce(client, ids.alone)).toBe(1);
  expect(await mostAtOnce(client, ids.together)).toBe(3);
});

test.for(['limited-task', 'limited-queue'])(
  'no more attempts start within a window than a limit allows, whichever worker starts them: %s',
  async (name, { taskwire }) => {
    taskwire.offerTestTasks();
    const [{ client }] = await Promise.all([taskwire.startApi(), taskwire.startWorker(), taskwire.startWorker()]);

    const ids = await client.enqueueMany(
      name,
      Array.from({ length: 8 }, () => ({})),
    );
    const ends = await Promise.all(ids.map((id) => client.finished(id)));
    const tasks = await Promise.all(ids.map((id) => client.task(id)));

    expect(ends.map(({ type, attempt }) => `${type} ${attempt}`)).toEqual(ids.map(() => 'SUCCESS 1'));
    const starts = tasks.map((task) => Date.parse(task?.['startedAt'])).toSorted((a, b) => a - b);
    for (let first = 0; first + LIMIT.max < starts.length; first += 1) {
      expect(starts[first + LIMIT.max]! - starts[first]!).toBeGreaterThan(LIMIT.perSeconds * 500); // a start is noted a little after it was allowed
    }
    expect(starts.at(-1)! - starts[0]!).toBeLessThan(LIMIT.perSeconds * 1000 * 6); // it is not slowed down beyond that
  },
);

test('a caller may lower and raise the attempts of a task', async ({ taskwire }) => {
  taskwire.offerTestTasks();
  const [{ client }] = await Promise.all([taskwire.startApi(), taskwire.startWorker()]);

  const once = await client.enqueue('fail-times', { times: 1 }, { maxAttempts: 1 });
  const often = await client.enqueue('flaky', {}, { maxAttempts: 4 });

  expect(await client.finished(once)).toMatchObject({ type: 'FAILURE', attempt: 1 });
  expect(await client.finished(often)).toMatchObject({ type: 'SUCCESS', attempt: 4 });
});

test('a wrong option on the command line is an error', async ({ taskwire }) => {
  const worker = taskwire.spawn('worker/main.ts', {}, ['--queue', 'email']);

  expect((await worker.exited).code).toBe(1);
  expect(worker.stderr).toContain('expected --queues and --concurrency only');
});

test('a delayed task does not start before its time', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const id = await client.enqueue('noop', {}, { delaySeconds: 1.5 });

  await client.finished(id);

  const task = await client.task(id);
  expect(Date.parse(task?.['startedAt']) - Date.parse(task?.['createdAt'])).toBeGreaterThanOrEqual(1400);
});

test('a task that was not started before it expired is REVOKED with EXPIRED, with and without a worker', async ({
  taskwire,
}) => {
  const { client } = await taskwire.startApi();
  const soon = () => ({ expiresAt: new Date(Date.now() + 800).toISOString() });
  const unseen = await client.enqueue('noop', {}, { ...soon(), queue: 'nobody' });
  const late = await client.enqueue('noop', {}, { ...soon(), delaySeconds: 60 });
  await taskwire.startWorker();
  const started = await client.enqueue('countdown', { steps: 30, stepMs: 100 }, soon());

  const ends = await Promise.all([unseen, late, started].map((id) => client.finished(id)));

  expect(ends.map(({ type, error }) => [type, error?.code])).toEqual([
    ['REVOKED', 'EXPIRED'],
    ['REVOKED', 'EXPIRED'],
    ['SUCCESS', undefined],
  ]);
});

test('a task that no worker knows is parked, and runs when a worker registers that knows it', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const old = await taskwire.startWorker({ DIAGNOSTIC_TASKS: 'false', QUEUES: 'diagnostics' });
  const id = await client.enqueue('noop');

  await old.waitForLine(({ taskId, msg }) => taskId === id && msg.includes('parked'));
  const parked = await client.task(id);
  const { tasks } = await client.request('{ tasks(filter: { states: [PENDING] }) { nodes { id } } }');
  await taskwire.startWorker();
  const end = await client.finished(id);

  expect(parked).toMatchObject({ state: 'PENDING', attempt: 0 });
  expect(tasks.nodes).toEqual([{ id }]);
  expect(end).toMatchObject({ type: 'SUCCESS', attempt: 1 });
});

test('a worker leaves tasks that it does not know to one that does', async ({ taskwire }) => {
  const [{ client }, old] = await Promise.all([
    taskwire.startApi(),
    taskwire.startWorker({ DIAGNOSTIC_TASKS: 'false', QUEUES: 'diagnostics' }),
    taskwire.startWorker({ QUEUES: 'diagnostics' }),
  ]);

  const ids = await client.enqueueMany(
    'noop',
    Array.from({ length: 30 }, () => ({})),
  );
  const ends = await Promise.all(ids.map((id) => client.finished(id)));

  expect(ends.map(({ type, attempt }) => `${type} ${attempt}`)).toEqual(ids.map(() => 'SUCCESS 1'));
  expect(old.lines.filter(({ msg }) => msg.includes('parked'))).toEqual([]);
});

test('the attempts of a task and how each failed stay readable', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const id = await client.enqueue('fail-times', { times: 1, code: 'TOO_BAD' });
  await client.finished(id);

  const { task } = await client.request(
    'query ($id: ID!) { task(id: $id) { attempts { number startedAt finishedAt worker error { code } } steps { key } } }',
    { id },
  );

  expect(task.attempts).toMatchObject([
    { number: 1, error: { code: 'TOO_BAD' }, worker: expect.any(String), finishedAt: expect.any(String) },
    { number: 2, error: null, worker: expect.any(String), finishedAt: expect.any(String) },
  ]);
  expect(task.steps).toEqual([]);
});
