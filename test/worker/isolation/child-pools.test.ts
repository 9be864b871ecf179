import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, inject, vi } from 'vitest';
import { type ChildLimits, type Isolation, type TaskContract } from '../../../src/core/define-task.ts';
import { HardTimeLimitExceeded, SoftTimeLimitExceeded, TaskCancelled } from '../../../src/core/errors.ts';
import { User } from '../../../src/db/entities/user.ts';
import { claimTasks } from '../../../src/db/statements/claim-tasks.ts';
import { catalog } from '../../../src/tasks/catalog.ts';
import { ChildPools, type IsolatedAttempt } from '../../../worker/isolation/child-pools.ts';
import { RunningAttempt } from '../../../worker/running-attempts.ts';
import type { Database } from '../../db/database.ts';
import { listChildren, untilComputed, untilGone } from '../../support/child-processes.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { test as base } from './own-database.ts';

const LIMITS: ChildLimits = { maxTasksPerChild: 100, maxMemoryMb: 512 };

/** An attempt that a test has started in a child. */
interface Started {
  running: RunningAttempt;
  taskId: string;
  /** What came from the child, in order; `flush` when it asked for that. */
  seen: string[];
  outcome: ReturnType<ChildPools['run']>;
  /** Resolves when the child has said so much. */
  untilSeen(count: number): Promise<void>;
}

interface Isolated {
  pools: ChildPools;
  dispatched: string[];
  start(
    name: string,
    input?: unknown,
    how?: { isolation?: Isolation; limits?: Partial<ChildLimits> },
  ): Promise<Started>;
  run(...args: Parameters<Isolated['start']>): ReturnType<ChildPools['run']>;
  /** The process ids of all children. */
  children(): Promise<number[]>;
}

/** Pools whose children work on the test's own database; closed when the test ends. */
const test = base.extend('isolated', async ({ database }, { onCleanup }): Promise<Isolated> => {
  const applicationName = `pools-${randomUUID()}`;
  const folder = await temporaryFolder();
  vi.stubEnv('DATABASE_URL', database.url);
  vi.stubEnv('REDIS_URL', inject('redisUrl'));
  vi.stubEnv('DATA_DIR', folder.path);
  vi.stubEnv('LOG_LEVEL', 'error');
  vi.stubEnv('NODE_ENV', 'test');
  const dispatched: string[] = [];
  const pools = new ChildPools({
    dispatcher: {
      dispatch: (tasks) => void dispatched.push(...tasks.map(({ id }) => id)),
      noteUncommitted: (ids) => void dispatched.push(...ids),
      dispatchCommitted: () => Promise.resolve(),
    },
    applicationName,
    logger: pino({ level: 'silent' }),
  });
  onCleanup(async () => {
    await pools.close();
    vi.unstubAllEnvs();
    await folder[Symbol.asyncDispose]();
  });
  const start: Isolated['start'] = async (name, input = {}, how = {}) =>
    startAttempt(pools, await claim(database, name, input), { ...how, folder: join(folder.path, 'attempt') });
  return {
    pools,
    dispatched,
    start,
    run: async (...args) => (await start(...args)).outcome,
    children: () => listChildren(({ command }) => command.includes(` ${applicationName} `)),
  };
});

async function claim(database: Database, name: string, input: unknown) {
  const { id } = await database.enqueue({ name, input });
  const [claimed] = await claimTasks(database.sql, [id], 'worker-1', [name]);
  return { id, attempt: claimed?.attempt ?? 0, name, input, workflowId: null };
}

function startAttempt(
  pools: ChildPools,
  task: IsolatedAttempt['task'],
  { isolation = 'process', limits, folder }: { isolation?: Isolation; limits?: Partial<ChildLimits>; folder: string },
): Started {
  const contract: TaskContract | undefined = catalog.find(({ name }) => name === task.name);
  if (!contract) throw new Error(`expected a contract for ${task.name}, got none`);
  const running = new RunningAttempt(task.id);
  const seen: string[] = [];
  const waiting = new Set<() => void>();
  const see = (what: string) => {
    seen.push(what);
    for (const wake of waiting) wake();
  };
  const outcome = pools.run({
    task,
    contract: { ...contract, isolation, child: { ...LIMITS, ...limits } },
    running,
    folder,
    report: ({ current }) => see(`progress ${current}`),
    recordLine: (line) => see(`line ${line}`),
    flushEvents: async () => see('flush'),
  });
  outcome.catch(() => undefined); // a test may wait for it later
  return {
    running,
    taskId: task.id,
    seen,
    outcome,
    async untilSeen(count) {
      while (seen.length < count) {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await Promise.race([promise, outcome]);
        waiting.delete(resolve);
      }
    },
  };
}

async function createUser({ orm }: Database): Promise<number> {
  const em = orm.em.fork();
  const user = em.create(User, { email: 'ada@example.com', name: 'Ada', loginCount: 0, createdAt: new Date() });
  await em.flush();
  return user.id;
}

describe.for(['process', 'thread'] as const)('in a %s', (isolation) => {
  test('a plain task gives its result, and its progress before it', async ({ isolated }) => {
    const { outcome, seen } = await isolated.start('countdown', { steps: 3, stepMs: 1 }, { isolation });

    expect(await outcome).toEqual({ kind: 'result', result: { steps: 3 } });
    expect(seen).toEqual(['progress 1', 'progress 2', 'progress 3']);
  });

  test('a database task is committed once, with its result, after its events were written', async ({
    isolated,
    database,
  }) => {
    const userId = await createUser(database);
    const { outcome, seen, taskId } = await isolated.start('update-user-stats', { userId }, { isolation });

    expect(await outcome).toMatchObject({
      kind: 'recorded',
      settled: { id: taskId, state: 'SUCCESS' },
      result: { userId, loginCount: 1 },
    });
    expect(seen).toEqual(['flush']);
    expect(await database.row(taskId)).toMatchObject({ state: 'SUCCESS', result: { loginCount: 1 } });
    expect(await database.standing(taskId)).toEqual(['SUCCESS']);
    expect(await database.orm.em.fork().findOneOrFail(User, { id: userId })).toMatchObject({ loginCount: 1 });
  });

  test('a database task that is not current any more writes nothing', async ({ isolated, database }) => {
    const userId = await createUser(database);
    const attempt = await claim(database, 'update-user-stats', { userId });
    await database.run('update task set attempt = attempt + 1 where id = $1', [attempt.id]);

    const { outcome } = startAttempt(isolated.pools, attempt, { isolation, folder: 'none' });

    await expect(outcome).rejects.toMatchObject({ name: 'FencedError' });
    expect(await database.orm.em.fork().findOneOrFail(User, { id: userId })).toMatchObject({ loginCount: 0 });
  });

  test('what a handler throws comes with its code and its classes', async ({ isolated }) => {
    const running = isolated.run('update-user-stats', { userId: 4711 }, { isolation });

    await expect(running).rejects.toMatchObject({
      failure: {
        code: 'USER_NOT_FOUND',
        message: 'there is no user with the id 4711',
        classes: ['FailPermanently', 'TaskwireError', 'Error'],
        permanent: true,
      },
    });
  });

  test('the reason of the signal reaches the handler', async ({ isolated }) => {
    const cancelled = await isolated.start('countdown', { steps: 1000, stepMs: 50 }, { isolation });
    await cancelled.untilSeen(1);
    cancelled.running.end(new TaskCancelled('enough'), 10_000);
    await expect(cancelled.outcome).rejects.toMatchObject({ failure: { code: 'CANCELLED', message: 'enough' } });

    const late = await isolated.start('countdown', { steps: 1000, stepMs: 50 }, { isolation });
    await late.untilSeen(1);
    late.running.limit({ softSeconds: 0.01 });
    await expect(late.outcome).rejects.toMatchObject({
      failure: { code: 'SOFT_TIME_LIMIT', classes: expect.arrayContaining([SoftTimeLimitExceeded.name]) },
    });
  });

  test('an attempt that is to end before it is in its child ends there', async ({ isolated, database }) => {
    const task = await claim(database, 'countdown', { steps: 1000, stepMs: 50 });
    const contract = catalog.find(({ name }) => name === 'countdown');
    const running = new RunningAttempt(task.id);
    running.end(new TaskCancelled('too early'), 10_000);

    const outcome = isolated.pools.run({
      task,
      contract: { ...contract!, isolation },
      running,
      folder: 'none',
      report: () => undefined,
      recordLine: () => undefined,
      flushEvents: () => Promise.resolve(),
    });

    await expect(outcome).rejects.toMatchObject({ failure: { code: 'CANCELLED', message: 'too early' } });
    running.close();
  });

  test('an attempt that is given up is ended whatever it does', async ({ isolated }) => {
    await isolated.run('noop', {}, { isolation });
    const { running, outcome } = await isolated.start('block', { ms: 600_000 }, { isolation });
    const [pid = process.pid] = await isolated.children(); // a thread is none
    await untilComputed(pid, 200); // it can't say that it blocks
    const since = performance.now();

    running.end(new HardTimeLimitExceeded(1), 0);

    await expect(outcome).rejects.toMatchObject({ code: 'CHILD_CRASHED' });
    expect(performance.now() - since).toBeLessThan(1000);
  });
});

test('a child is used again, also after a failure', async ({ isolated }) => {
  await isolated.run('noop');
  const first = await isolated.children();
  await isolated.run('update-user-stats', { userId: 1 }).catch(() => undefined);
  await isolated.run('noop');

  expect(first).toHaveLength(1);
  expect(await isolated.children()).toEqual(first);
});

test('attempts at the same time have a child each', async ({ isolated }) => {
  const attempts = [1, 2, 3].map(() => isolated.start('countdown', { steps: 2, stepMs: 400 }));
  for (const attempt of attempts) await (await attempt).untilSeen(1);

  expect(await isolated.children()).toHaveLength(3);
});

test('a child is replaced after so many runs', async ({ isolated }) => {
  const how = { limits: { maxTasksPerChild: 2 } };
  await isolated.run('noop', {}, how);
  const [first] = await isolated.children();
  await isolated.run('noop', {}, how);
  await untilGone(first!);
  await isolated.run('noop', {}, how);

  expect(await isolated.children()).not.toContain(first);
});

test('a child that holds too much after a run is replaced', async ({ isolated }) => {
  const how = { limits: { maxMemoryMb: 60 } }; // Node alone takes about as much
  await isolated.run('noop', {}, how);
  const [first] = await isolated.children();
  if (first !== undefined) await untilGone(first);

  expect(await isolated.run('noop', {}, how)).toEqual({ kind: 'result', result: {} });
  expect(await isolated.children()).not.toContain(first);
});

test('a child that holds four times as much is ended, and says so', async ({ isolated }) => {
  const running = isolated.run('block', { ms: 600_000 }, { limits: { maxMemoryMb: 10 } });

  await expect(running).rejects.toThrow(
    /^The child that ran the attempt ended: it held \d+ MiB, where 40 are the most$/,
  );
});

test('a child that is killed from outside fails its own attempt only', async ({ isolated }) => {
  const doomed = await isolated.start('countdown', { steps: 1000, stepMs: 50 });
  await doomed.untilSeen(1);
  const [pid] = await isolated.children();
  const neighbour = await isolated.start('countdown', { steps: 2, stepMs: 50 });

  process.kill(pid!, 'SIGKILL');

  await expect(doomed.outcome).rejects.toMatchObject({
    code: 'CHILD_CRASHED',
    message: 'The child that ran the attempt ended: killed by SIGKILL',
  });
  expect(await neighbour.outcome).toEqual({ kind: 'result', result: { steps: 2 } });
});

test('what comes too late for an attempt does not reach the next one in its child', async ({ isolated }) => {
  const over = await isolated.start('noop');
  await over.outcome;
  const next = await isolated.start('countdown', { steps: 3, stepMs: 100 });

  over.running.end(new TaskCancelled('too late'), 0);

  expect(await next.outcome).toEqual({ kind: 'result', result: { steps: 3 } });
  expect(await isolated.children()).toHaveLength(1);
});

test('the folder of temporary files is gone when a handler has ended', async ({ isolated, database }) => {
  const folder = await temporaryFolder();
  const task = await claim(database, 'noop', {});

  await startAttempt(isolated.pools, task, { folder: folder.path }).outcome;

  await expect(access(folder.path)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('closing ends idle children in order, and kills those that run', async ({ isolated }) => {
  await isolated.run('noop');
  const running = await isolated.start('block', { ms: 600_000 }, { limits: { maxTasksPerChild: 1 } });
  expect(await isolated.children()).toHaveLength(2);

  await isolated.pools.close();

  expect(await isolated.children()).toEqual([]);
  await expect(running.outcome).rejects.toMatchObject({ code: 'CHILD_CRASHED' });
});
