import { Redis } from 'ioredis';
import { expect } from 'vitest';
import type { ApiClient, WatchedEvent } from '../support/api-client.ts';
import { test } from '../support/taskwire.ts';

const COUNTDOWN = { steps: 6, stepMs: 150 };
/** ENQUEUED, STARTED, six reports, SUCCESS. */
const COUNTDOWN_SEQUENCES = [1, 2, 3, 4, 5, 6, 7, 8, 9];

test('a client enqueues, follows and queries a task over HTTP and websocket', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const id = await client.enqueue('countdown', COUNTDOWN);
  const watch = client.watch(id);
  await watch.until(({ type }) => type === 'SNAPSHOT');

  await taskwire.startWorker();
  const events = await watch.completed;

  expect(events.map(({ sequence }) => sequence)).toEqual(COUNTDOWN_SEQUENCES);
  expect(events.map(({ type }) => type)).toEqual(['SNAPSHOT', 'STARTED', ...Array(6).fill('PROGRESS'), 'SUCCESS']);
  expect(events.at(-2)?.progress).toMatchObject({ current: 6, total: 6, percent: 100 });
  expect(events.at(-1)).toMatchObject({ state: 'SUCCESS', result: { steps: 6 }, attempt: 1 });
  expect(await client.task(id)).toMatchObject({ state: 'SUCCESS', result: { steps: 6 }, sequence: 9, attempt: 1 });
});

test('each point to subscribe at gives its sequences without hole or repeat', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const id = await client.enqueue('countdown', COUNTDOWN);
  const beforeStart = client.watch(id);
  const fromZero = client.watch(id, { after: 0 });
  await beforeStart.until(({ type }) => type === 'SNAPSHOT');

  await taskwire.startWorker();
  await beforeStart.until(({ sequence }) => sequence === 4);
  const inTheMiddle = client.watch(id);
  const afterThree = client.watch(id, { after: 3 });
  const ahead = client.watch(id, { after: 1000 });
  await beforeStart.completed;

  expect(beforeStart.sequences).toEqual(COUNTDOWN_SEQUENCES);
  expect(sequencesOf(await fromZero.completed)).toEqual(COUNTDOWN_SEQUENCES);
  expect(sequencesOf(await afterThree.completed)).toEqual([4, 5, 6, 7, 8, 9]);
  expectSnapshotAndRest(await inTheMiddle.completed);
  expect((await ahead.completed).at(-1)?.type).toBe('SUCCESS');
  await expectAfterTheEnd(client, id);
});

test('a stream leaves out the types that are not wanted, but not the snapshot and the end', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const id = await client.enqueue('countdown', COUNTDOWN);
  const watch = client.watch(id, { types: ['STARTED'] });
  await watch.until(({ type }) => type === 'SNAPSHOT');

  await taskwire.startWorker();
  const events = await watch.completed;

  expect(events.map(({ type }) => type)).toEqual(['SNAPSHOT', 'STARTED', 'SUCCESS']);
});

test('a stream over plain fetch and server-sent events gives the same and ends', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const id = await client.enqueue('countdown', COUNTDOWN);

  await taskwire.startWorker();
  const sequences = await sequencesOverSse(client.url, id);

  expect(sequences).toEqual(COUNTDOWN_SEQUENCES);
});

test('killing the subscriptions in Redis in the middle loses no event', async ({ isolated, services }) => {
  const { client } = await isolated.startApi();
  await isolated.startWorker();
  const id = await client.enqueue('countdown', { steps: 12, stepMs: 150 });
  const watch = client.watch(id, { after: 0 });
  await using admin = disposable(new Redis(services.redisUrl));

  for (const sequence of [4, 7, 10]) {
    await watch.until((event) => event.sequence === sequence);
    expect(await admin.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBeGreaterThan(0);
  }

  expect(sequencesOf(await watch.completed)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
});

test('a client whose socket was cut resumes after its last sequence', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const id = await client.enqueue('countdown', { steps: 10, stepMs: 150 });
  const cut = client.watch(id, { after: 0 });
  await cut.until(({ sequence }) => sequence === 5);
  const seen = [...cut.sequences];

  cut.client.terminate();
  await expect(cut.completed).rejects.toMatchObject({ code: 4499 });
  const resumed = await client.watch(id, { after: Math.max(...seen) }).completed;

  expect([...seen, ...sequencesOf(resumed)]).toEqual(Array.from({ length: 13 }, (_, index) => index + 1));
});

test('a client goes on where it was when the API is restarted', async ({ taskwire }) => {
  const first = await taskwire.startApi();
  await taskwire.startWorker();
  const id = await first.client.enqueue('countdown', { steps: 15, stepMs: 200 });
  const before = first.client.watch(id, { after: 0 });
  await before.until(({ sequence }) => sequence === 5);

  await first.process.stop();
  await expect(before.completed).rejects.toMatchObject({ code: 1012 });
  const second = await taskwire.startApi({ PORT: new URL(first.client.url).port });
  const after = await second.client.watch(id, { after: before.sequences.at(-1) ?? 0 }).completed;

  expect([...before.sequences, ...sequencesOf(after)]).toEqual(Array.from({ length: 18 }, (_, index) => index + 1));
});

test('subscribing to an unknown task is an error', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();

  const unknown = client.watch('01a20332-0433-715a-93b3-499c07f727de');
  const noId = client.watch('nonsense');

  await expect(unknown.completed).rejects.toThrow('TASK_NOT_FOUND');
  await expect(noId.completed).rejects.toThrow('TASK_NOT_FOUND');
  expect(await client.task('nonsense')).toBeNull();
});

async function expectAfterTheEnd(client: ApiClient, id: string): Promise<void> {
  const late = await client.watch(id).completed;
  expect(late.map(({ type, sequence }) => `${type} ${sequence}`)).toEqual(['SNAPSHOT 9', 'SUCCESS 9']);
  expect(sequencesOf(await client.watch(id, { after: 6 }).completed)).toEqual([7, 8, 9]);
  expect(await client.watch(id, { after: 9 }).completed).toEqual([]);
}

/** A snapshot at some sequence, then all that follows. */
function expectSnapshotAndRest(events: readonly WatchedEvent[]): void {
  const [snapshot] = events;
  expect(snapshot?.type).toBe('SNAPSHOT');
  const from = snapshot?.sequence ?? 0;
  expect(sequencesOf(events)).toEqual(COUNTDOWN_SEQUENCES.slice(from - 1));
}

function sequencesOf(events: readonly WatchedEvent[]): number[] {
  return events.map(({ sequence }) => sequence);
}

async function sequencesOverSse(url: string, id: string): Promise<number[]> {
  const query = `subscription { taskEvents(id: "${id}", after: 0) { sequence } }`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
  });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const text = await response.text(); // resolves because the stream ends
  return [...text.matchAll(/"sequence":(\d+)/g)].map(([, sequence]) => Number(sequence));
}

function disposable(redis: Redis): { redis: Redis } & AsyncDisposable {
  return { redis, [Symbol.asyncDispose]: async () => redis.disconnect() };
}
