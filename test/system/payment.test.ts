import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { runStatement } from '../../src/dev/administer-postgres.ts';
import { freePort } from '../../src/dev/free-port.ts';
import { startSandboxServer } from '../../src/dev/sandbox-server.ts';
import type { ApiClient, WatchedEvent } from '../support/api-client.ts';
import { test } from '../support/taskwire.ts';
import type { World } from '../support/world.ts';

test('a gateway that refuses, hangs and resets is asked again with growing delays, and charges once', async ({
  taskwire,
  world,
}) => {
  const port = await freePort();
  const { client } = await taskwire.startApi();
  await taskwire.startWorker({ PAYMENT_GATEWAY_URL: `http://127.0.0.1:${port}/payments` });
  const orderId = await createOrder(client);
  const id = await client.enqueue('process-payment', { orderId });

  const refused = await retryOf(client, id, 1);
  await using sandbox = await startSandboxServer({ port });
  sandbox.behave({ payments: ['hang', 'reset'] });
  await makeDue(world, id);
  const hung = await retryOf(client, id, 2);
  await makeDue(world, id);
  const reset = await retryOf(client, id, 3);
  await makeDue(world, id);
  const end = await client.finished(id);

  expect(refused.error).toMatchObject({ code: 'CONNECTION', message: expect.stringContaining('ECONNREFUSED') });
  expect(hung.error).toMatchObject({ code: 'TIMEOUT' });
  expect(reset.error).toMatchObject({ code: 'CONNECTION' });
  expect([refused, hung, reset].map(({ error }) => error?.retryable)).toEqual([true, true, true]);
  expectWithin(refused.delayMs, 30_000, 60_000);
  expectWithin(hung.delayMs, 60_000, 120_000);
  expectWithin(reset.delayMs, 120_000, 240_000);
  const [charge, ...others] = sandbox.charges.values();
  expect(others).toEqual([]);
  expect(charge).toMatchObject({ key: id, reference: `order-${orderId}`, amountCents: 1999 });
  expect(sandbox.paymentRequests).toEqual([id, id, id]);
  expect(end).toMatchObject({
    type: 'SUCCESS',
    attempt: 4,
    result: { orderId, paymentId: charge?.paymentId, status: 'paid' },
  });
  expect(await readOrder(client, orderId)).toEqual({ state: 'PAID', paymentId: charge?.paymentId });
});

test('a gateway that is overloaded is asked when it says, or after a minute, and then charges', async ({
  taskwire,
  world,
}) => {
  await using sandbox = await startSandboxServer();
  sandbox.behave({ payments: [{ status: 503 }, { status: 429, retryAfter: '300' }] });
  const { client } = await taskwire.startApi();
  await taskwire.startWorker({ PAYMENT_GATEWAY_URL: sandbox.paymentUrl });
  const id = await client.enqueue('process-payment', { orderId: await createOrder(client) });

  const unavailable = await retryOf(client, id, 1);
  await makeDue(world, id);
  const limited = await retryOf(client, id, 2);
  await makeDue(world, id);
  const end = await client.finished(id);
  const events = await client.watch(id, { after: 0 }).completed;

  expect(unavailable.error).toMatchObject({ code: 'GATEWAY_ERROR', retryable: true });
  expectWithin(unavailable.delayMs, 30_000, 60_000);
  expect(limited.error).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
  expect(limited.delayMs).toBe(300_000);
  expect(end).toMatchObject({ type: 'SUCCESS', attempt: 3 });
  expect(events.map(({ type }) => type).filter((type) => type !== 'LOG')).toEqual([
    ...['ENQUEUED', 'STARTED', 'RETRY', 'STARTED', 'RETRY', 'STARTED'],
    'SUCCESS',
  ]);
  expect(sandbox.charges.size).toBe(1);
});

test('after three retries the payment fails; a declined card fails it at once', async ({ taskwire, world }) => {
  await using sandbox = await startSandboxServer();
  sandbox.behave({ payments: [...Array.from({ length: 4 }, () => ({ status: 503 })), 'decline'] });
  const { client } = await taskwire.startApi();
  await taskwire.startWorker({ PAYMENT_GATEWAY_URL: sandbox.paymentUrl });
  const orderId = await createOrder(client);
  const id = await client.enqueue('process-payment', { orderId });

  for (const attempt of [1, 2, 3]) {
    await retryOf(client, id, attempt);
    await makeDue(world, id);
  }
  const failed = await client.finished(id);
  const pending = await readOrder(client, orderId);
  const declined = await client.finished(await client.enqueue('process-payment', { orderId }));

  expect(failed).toMatchObject({ type: 'FAILURE', attempt: 4, error: { code: 'GATEWAY_ERROR', retryable: true } });
  expect(pending).toEqual({ state: 'PENDING', paymentId: null });
  expect(declined).toMatchObject({ type: 'FAILURE', attempt: 1, error: { code: 'CARD_DECLINED', retryable: false } });
  expect(await readOrder(client, orderId)).toEqual({ state: 'FAILED', paymentId: null });
  expect(sandbox.charges.size).toBe(0);
});

test('an order is created, listed, paid and processed, with its stages as events', async ({ taskwire }) => {
  await using sandbox = await startSandboxServer();
  const { client } = await taskwire.startApi();
  await taskwire.startWorker({ PAYMENT_GATEWAY_URL: sandbox.paymentUrl });
  const first = await createOrder(client);
  const orderId = await createOrder(client);

  await client.finished(await client.enqueue('process-payment', { orderId }));
  const id = await client.enqueue('process-order', { orderId });
  const end = await client.finished(id);
  const lines = await readLog(client, id);
  const { orders } = await client.request(
    '{ orders(first: 1) { nodes { id state } pageInfo { hasNextPage endCursor } } }',
  );
  const next = await client.request('query ($after: String) { orders(after: $after) { nodes { id } } }', {
    after: orders.pageInfo.endCursor,
  });

  expect(end).toMatchObject({ type: 'SUCCESS', result: { orderId, state: 'COMPLETED' } });
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['Validating', 'Reserving', 'Confirming', 'The']);
  expect(orders).toMatchObject({ nodes: [{ id: orderId, state: 'COMPLETED' }], pageInfo: { hasNextPage: true } });
  expect(next.orders.nodes).toEqual([{ id: first }]);
});

test('an order that cannot be is refused with the path of each field', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();

  const wrong = await sendOrder(client, { userId: 1, amountCents: 0, currency: 'euro' });
  const strange = await sendOrder(client, { userId: 4711, amountCents: 1, currency: 'EUR' });

  expect(wrong).toMatchObject({
    order: null,
    userErrors: [
      { code: 'ORDER_INVALID', path: ['amountCents'] },
      { code: 'ORDER_INVALID', path: ['currency'] },
    ],
  });
  expect(strange).toMatchObject({ order: null, userErrors: [{ code: 'USER_NOT_FOUND', path: ['userId'] }] });
  expect(await client.request('{ order(id: 4711) { id } }')).toEqual({ order: null });
});

async function sendOrder(client: ApiClient, input: Record<string, unknown>) {
  const { createOrder } = await client.request(
    `mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code path } } }`,
    { input },
  );
  return createOrder;
}

async function createOrder(client: ApiClient): Promise<number> {
  const userId = await client.createUser(`${crypto.randomUUID()}@x.io`);
  return (await sendOrder(client, { userId, amountCents: 1999, currency: 'EUR' })).order.id;
}

async function readOrder(client: ApiClient, id: number): Promise<unknown> {
  return (await client.request('query ($id: Int!) { order(id: $id) { state paymentId } }', { id })).order;
}

/** The lines of a task's log. */
async function readLog(client: ApiClient, id: string): Promise<string[]> {
  const query = 'query ($id: ID!) { task(id: $id) { events(first: 100) { nodes { type message } } } }';
  const { nodes } = (await client.request(query, { id })).task.events;
  const lines = (nodes as { type: string; message: string }[]).filter(({ type }) => type === 'LOG');
  return lines.map(({ message }) => message);
}

/** The RETRY event of an attempt, and how long after it the next one is due. */
async function retryOf(client: ApiClient, id: string, attempt: number): Promise<WatchedEvent & { delayMs: number }> {
  const watch = client.watch(id, { after: 0 });
  const event = await watch.until((one) => one.type === 'RETRY' && one.attempt === attempt);
  await watch.client.dispose();
  const task = await client.task(id);
  return { ...event, delayMs: Date.parse(task?.['runAt']) - Date.parse(event.at) };
}

/** Moves the time of a task's next attempt to now, in Postgres and in BullMQ, as nobody wants to wait for minutes. */
async function makeDue({ databaseUrl, redisUrl, prefix }: World, id: string): Promise<void> {
  await runStatement(databaseUrl, 'update task set run_at = now() where id = ?', [id]);
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = new Queue('payment', { connection: redis, prefix });
  while ((await queue.getJobState(id)) !== 'delayed') continue; // the job follows the event
  await (await queue.getJob(id))?.promote();
  await queue.close();
  redis.disconnect();
}

function expectWithin(ms: number, from: number, to: number): void {
  expect(ms).toBeGreaterThanOrEqual(from);
  expect(ms).toBeLessThanOrEqual(to);
}
