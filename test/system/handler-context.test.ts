import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Isolation } from '../../src/core/define-task.ts';
import { messageOf } from '../../src/core/errors.ts';
import { runStatement } from '../../src/dev/administer-postgres.ts';
import type { ApiClient, WatchedEvent } from '../support/api-client.ts';
import type { ManagedProcess } from '../support/managed-process.ts';
import { HANGING_HARD_SECONDS, ISOLATIONS } from '../support/tasks/contracts.ts';
import { type Taskwire, test } from '../support/taskwire.ts';

/** An API and a worker that offer the tests' tasks too. */
async function start(taskwire: Taskwire): Promise<{ client: ApiClient; worker: ManagedProcess }> {
  taskwire.offerTestTasks();
  const [{ client }, worker] = await Promise.all([taskwire.startApi(), taskwire.startWorker()]);
  return { client, worker };
}

/** At the same time in the worker itself, in a child process and in a thread; a failure says where. */
async function everywhere(run: (isolation: Isolation) => Promise<void>): Promise<void> {
  const runs = ISOLATIONS.map((isolation) =>
    run(isolation).catch((error: unknown) => {
      throw new Error(`${isolation}: ${messageOf(error)}`, { cause: error });
    }),
  );
  await Promise.all(runs);
}

const TASK = `query ($id: ID!) { task(id: $id) {
  attempts { number startedAt finishedAt error { code message retryable } }
  steps { key attempt at value }
  events(first: 100) { nodes { type attempt message } }
} }`;

async function read(client: ApiClient, id: string): Promise<any> {
  return (await client.request(TASK, { id })).task;
}

function linesOf(task: any): { type: string; attempt: number; message: string }[] {
  return task.events.nodes.filter(({ type }: { type: string }) => type === 'LOG');
}

/** The ids of the tasks that a task has enqueued. */
async function enqueuedBy(client: ApiClient, id: string): Promise<string[]> {
  const query = 'query ($tags: [String!]) { tasks(filter: { tags: $tags }) { nodes { id } } }';
  const { tasks } = await client.request(query, { tags: [id] });
  return tasks.nodes.map((task: { id: string }) => task.id);
}

/** What is left of temporary files. */
function temporaryFiles({ environment }: Taskwire): Promise<string[]> {
  return readdir(join(environment['DATA_DIR'] ?? '', 'tmp'), { recursive: true });
}

function timeBetween(first: WatchedEvent | undefined, last: WatchedEvent | undefined): number {
  return Date.parse(last?.at ?? '') - Date.parse(first?.at ?? '');
}

test('progress, log, steps, em, tasks, cleanup and retries are the same in a worker and its children', async ({
  taskwire,
  world,
}) => {
  const { client, worker } = await start(taskwire);

  await everywhere(async (isolation) => {
    const id = await client.enqueue(`parts-${isolation}`);
    const events = await client.watch(id, { after: 0 }).completed;
    const task = await read(client, id);
    const enqueued = await enqueuedBy(client, id);
    await Promise.all(enqueued.map((one) => client.finished(one)));

    const types = events.filter(({ type }) => type !== 'LOG').map(({ type, attempt }) => `${type} ${attempt}`);
    expect(types).toEqual([
      ...['ENQUEUED 0', 'STARTED 1', 'PROGRESS 1', 'RETRY 1'],
      ...['STARTED 2', 'PROGRESS 2', 'SUCCESS 2'],
    ]);
    expect(events.flatMap(({ progress }) => progress ?? [])).toMatchObject([
      { current: 1, total: 2, percent: 50, message: 'attempt 1' },
      { current: 2, total: 2, percent: 100, message: 'attempt 2' },
    ]);
    expect(linesOf(task)).toEqual([
      { type: 'LOG', attempt: 1, message: 'a line of attempt 1 {"attempt":1}' },
      { type: 'LOG', attempt: 2, message: 'a line of attempt 2 {"attempt":2}' },
    ]);
    const written = worker.lines.filter((line) => line['taskId'] === id).map(({ msg }) => msg);
    expect(written).toEqual(expect.arrayContaining(['a line of attempt 1', 'not recorded', 'a line of attempt 2']));
    expect(events.at(-1)?.result).toEqual({ steps: ['written by attempt 1', 'called by attempt 1'] });
    expect(task.steps).toEqual([
      { key: 'write', attempt: 1, at: expect.any(String), value: 'written by attempt 1' },
      { key: 'call', attempt: 1, at: expect.any(String), value: 'called by attempt 1' },
    ]);
    expect(task.attempts).toMatchObject([
      { number: 1, error: { code: 'GATEWAY_ERROR', message: 'the service answered 503', retryable: true } },
      { number: 2, error: null },
    ]);
    const waitedMs = Date.parse(task.attempts[1].startedAt) - Date.parse(task.attempts[0].finishedAt);
    expect(waitedMs).toBeGreaterThanOrEqual(250); // 300 that the error carries, less the clocks' slack
    expect(waitedMs).toBeLessThan(30_000); // and not the ten minutes of the policy
    expect(enqueued).toHaveLength(1);
    expect(
      await runStatement(world.databaseUrl, 'select login_count as cleaned from app_user where name = ?', [id]),
    ).toEqual([{ cleaned: 2 }]);
  });
  expect(await temporaryFiles(taskwire)).toEqual([]);
});

test('a handler that asks for another attempt gets it when it wants it', async ({ taskwire }) => {
  const { client } = await start(taskwire);

  await everywhere(async (isolation) => {
    const events = await client.watch(await client.enqueue(`asked-again-${isolation}`), { after: 0 }).completed;
    const retry = events.find(({ type }) => type === 'RETRY');
    const again = events.findLast(({ type }) => type === 'STARTED');

    expect(retry?.error).toMatchObject({ code: 'RETRY_IN', retryable: true });
    expect(events.at(-1)).toMatchObject({ type: 'SUCCESS', result: { attempt: 2 } });
    expect(timeBetween(retry, again)).toBeGreaterThanOrEqual(250);
    expect(timeBetween(retry, again)).toBeLessThan(30_000);
  });
});

test('a database task is whole when it succeeds, and leaves nothing when it is cancelled', async ({
  taskwire,
  world,
}) => {
  const { client } = await start(taskwire);

  await everywhere(async (isolation) => {
    const cancelled = await client.enqueue(`writing-${isolation}`, { wait: true });
    const watch = client.watch(cancelled, { after: 0 });
    await watch.until(({ type }) => type === 'LOG');
    await client.request('mutation ($id: ID!) { cancelTask(id: $id) { userErrors { message } } }', { id: cancelled });
    const end = (await watch.completed).at(-1);
    const done = await client.enqueue(`writing-${isolation}`, { wait: false });
    const { result } = await client.finished(done);

    expect(end).toMatchObject({ type: 'REVOKED', attempt: 1, error: { code: 'CANCELLED' } });
    expect(await enqueuedBy(client, cancelled)).toEqual([]);
    expect(await enqueuedBy(client, done)).toHaveLength(1);
    expect(
      await runStatement(world.databaseUrl, 'select id, name from app_user where name in (?, ?)', [cancelled, done]),
    ).toEqual([{ id: result.userId, name: done }]);
  });
});

test('a handler may return what it has at its soft time limit', async ({ taskwire }) => {
  const { client } = await start(taskwire);

  await everywhere(async (isolation) => {
    const end = await client.finished(await client.enqueue(`partial-${isolation}`));

    expect(end).toMatchObject({ type: 'SUCCESS', attempt: 1, result: { stoppedBy: 'SOFT_TIME_LIMIT' } });
  });
});

test('a handler that never ends is given up at its hard time limit, and is cleaned up after', async ({ taskwire }) => {
  const { client, worker } = await start(taskwire);
  const neighbour = client.watch(await client.enqueue('countdown', { steps: 60, stepMs: 100 }), { after: 0 });

  await everywhere(async (isolation) => {
    const id = await client.enqueue(`hanging-${isolation}`);
    const watch = client.watch(id, { after: 0 });
    await watch.until(({ type }) => type === 'LOG');
    const [line] = linesOf(await read(client, id));
    await access(line?.message ?? '');
    const events = await watch.completed;
    const tookMs = timeBetween(
      events.find(({ type }) => type === 'STARTED'),
      events.at(-1),
    );

    expect(events.at(-1)).toMatchObject({ type: 'FAILURE', attempt: 1, error: { code: 'HARD_TIME_LIMIT' } });
    expect(tookMs).toBeGreaterThan(HANGING_HARD_SECONDS * 1000 - 100);
    expect(tookMs).toBeLessThan(HANGING_HARD_SECONDS * 1000 + 1000);
  });
  await worker.waitForLine(({ task, msg }) => task === 'hanging-inline' && msg === 'cleaned up');
  await expect.poll(() => temporaryFiles(taskwire)).toEqual([]);
  expect((await neighbour.completed).at(-1)).toMatchObject({ type: 'SUCCESS', attempt: 1 });
});
