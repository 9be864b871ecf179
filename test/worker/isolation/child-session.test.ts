import { pino } from 'pino';
import { expect, inject, vi } from 'vitest';
import { readServiceConfig } from '../../../src/config.ts';
import type { EntityManager } from '../../../src/db/orm.ts';
import { claimTasks } from '../../../src/db/statements/claim-tasks.ts';
import { noop } from '../../../src/tasks/diagnostics.ts';
import { handlers } from '../../../worker/handlers/registry.ts';
import { ChildSession } from '../../../worker/isolation/child-session.ts';
import type { ChildEnd, FromChild } from '../../../worker/isolation/messages.ts';
import type { TaskContext } from '../../../worker/task-handler.ts';
import type { Database } from '../../db/database.ts';
import { test as base } from './own-database.ts';

interface Session {
  /** What it has said so far. */
  said: FromChild[];
  /** Runs a task; resolves with how that ended. */
  run(name: string, input: unknown): Promise<ChildEnd>;
}

/** What a child has open, here in the test's own process; it answers the child as a worker does. */
const test = base.extend('session', async ({ database }, { onCleanup }): Promise<Session> => {
  const config = readServiceConfig({ DATABASE_URL: database.url, REDIS_URL: inject('redisUrl'), DATA_DIR: 'unused' });
  const said: FromChild[] = [];
  let ended = Promise.withResolvers<ChildEnd>();
  const session = await ChildSession.open(config, pino({ level: 'silent' }), hear, 'test');
  function hear(message: FromChild): void {
    said.push(message);
    if (message.type === 'flush') session.receive({ type: 'flushed' });
    if ('memoryMb' in message) ended.resolve(message);
  }
  onCleanup(async () => {
    vi.restoreAllMocks();
    await session.close();
  });
  return {
    said,
    async run(name, input) {
      const { id } = await database.enqueue({ name, input });
      await claimTasks(database.sql, [id], 'worker-1', [name]);
      ended = Promise.withResolvers();
      session.receive({
        type: 'run',
        run: { taskId: id, attempt: 1, name, input, workflowId: null, folder: 'unused' },
      });
      return ended.promise;
    },
  };
});

/** The tasks that handlers have enqueued with the tag `child`. */
async function enqueued({ run }: Database): Promise<string[]> {
  return (await run<{ id: string }>(`select id from task where tags = '{child}' order by id`)).map(({ id }) => id);
}

async function enqueueOne({ enqueue }: TaskContext): Promise<void> {
  await enqueue(noop, {}, { tags: ['child'] });
}

test('a plain task that enqueues another has it dispatched by its worker', async ({ session, database }) => {
  vi.spyOn(handlers, 'noop').mockImplementation(async (_payload, context) => {
    await enqueueOne(context);
    return {};
  });

  const end = await session.run('noop', {});

  const ids = await enqueued(database);
  expect(end).toMatchObject({ type: 'result', result: {} });
  expect(session.said).toMatchObject([{ type: 'dispatch', tasks: [{ id: ids[0], name: 'noop' }] }, { type: 'result' }]);
});

test('what a database task enqueues is committed with it, and told before its end', async ({ session, database }) => {
  let during: string[] = [];
  vi.spyOn(handlers, 'update-user-stats').mockImplementation(async (_em, { userId }, context) => {
    await enqueueOne(context);
    during = await enqueued(database);
    return { userId, loginCount: 1, updatedAt: new Date().toISOString() };
  });

  const end = await session.run('update-user-stats', { userId: 1 });

  const ids = await enqueued(database);
  expect(during).toEqual([]);
  expect(end).toMatchObject({ type: 'recorded', settled: { state: 'SUCCESS' } });
  expect(session.said).toMatchObject([{ type: 'uncommitted', ids }, { type: 'flush' }, { type: 'recorded' }]);
});

/** Ends the session of a transaction; its next statement fails. */
async function endSession(em: EntityManager): Promise<void> {
  await em.execute('select pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
}

test('a database task that meets a Postgres that is away when it enqueues is run again', async ({
  session,
  database,
}) => {
  let entries = 0;
  vi.spyOn(handlers, 'update-user-stats').mockImplementation(async (em, { userId }, context) => {
    entries += 1;
    if (entries === 1) await endSession(em);
    await enqueueOne(context);
    return { userId, loginCount: 1, updatedAt: new Date().toISOString() };
  });

  const end = await session.run('update-user-stats', { userId: 1 });

  expect(end).toMatchObject({ type: 'recorded', settled: { state: 'SUCCESS' } });
  expect(entries).toBe(2);
  expect(await enqueued(database)).toHaveLength(1);
});

test('what a database task enqueued before it failed does not exist', async ({ session, database }) => {
  vi.spyOn(handlers, 'update-user-stats').mockImplementation(async (_em, _payload, context) => {
    await enqueueOne(context);
    throw new Error('too late');
  });

  expect(await session.run('update-user-stats', { userId: 1 })).toMatchObject({
    type: 'failed',
    failure: { message: 'too late', permanent: false },
  });
  expect(await enqueued(database)).toEqual([]);
});
