import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { z } from 'zod';
import { defineDatabaseTask, defineTask } from '../../src/core/define-task.ts';
import { FailPermanently, HardTimeLimitExceeded, TaskwireError } from '../../src/core/errors.ts';
import { User } from '../../src/db/entities/user.ts';
import { closeOrm, openOrm } from '../../src/db/orm.ts';
import { openLogger } from '../../src/logger.ts';
import { noop, countdown, failTimes } from '../../src/tasks/diagnostics.ts';
import type { TaskHandler } from '../../worker/task-handler.ts';
import { runTask, runTaskWithDb } from '../../worker/testing.ts';
import { test } from '../support/world.ts';

const text = defineTask({
  name: 'text',
  description: 'For these tests.',
  attempts: 3,
  retry: [{ on: ['AGAIN'] }, { on: '*', fail: true }],
  limits: { softSeconds: 0.05, hardSeconds: 0.2 },
  input: z.object({ text: z.string().default('none') }),
  output: z.object({ text: z.string() }),
});

test('a task runs at once, with validation of payload and result', async () => {
  const run = await runTask(countdown, { steps: 3, stepMs: 0 });

  expect(run.result).toEqual({ steps: 3 });
  expect(run.progress).toEqual([1, 2, 3].map((current) => ({ current, total: 3, message: undefined })));
  expect((await runTask(noop, {})).attempts).toBe(1);
  await expect(runTask(countdown, { steps: 0, stepMs: 0 })).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
  // @ts-expect-error a result that does not fit
  const wrong = runTask(text, {}, { handler: async () => ({ text: 1 }) });
  await expect(wrong).rejects.toMatchObject({ code: 'RESULT_INVALID' });
});

test('what the handler threw is thrown; with retries the policy decides, without waiting', async () => {
  await expect(runTask(failTimes, { times: 1 })).rejects.toMatchObject({ code: 'DIAGNOSTIC_FAILURE' });
  expect((await runTask(failTimes, { times: 2 }, { retries: true })).attempts).toBe(3);

  const codes = ['AGAIN', 'OTHER'];
  const failing = runTask(
    text,
    {},
    { retries: true, handler: async () => Promise.reject(new TaskwireError(codes.shift() ?? '', '')) },
  );
  await expect(failing).rejects.toMatchObject({ code: 'OTHER' });
  const permanent = runTask(
    text,
    {},
    { retries: true, handler: async () => Promise.reject(new FailPermanently('AGAIN', '')) },
  );
  await expect(permanent).rejects.toMatchObject({ code: 'AGAIN' });
});

test('steps are done once over the attempts; logs, defaults and enqueued tasks are noted', async () => {
  let done = 0;
  const run = await runTask(
    text,
    {},
    {
      retries: true,
      async handler({ text: given }, { step, attempt, logger, enqueue }) {
        const value = await step('once', () => (done += 1));
        if (attempt === 1) throw new TaskwireError('AGAIN', 'once more');
        logger.info('value %d', value);
        logger.debug('not recorded');
        await enqueue(noop, {});
        return { text: `${given} ${value}` };
      },
    },
  );

  expect(run).toMatchObject({
    result: { text: 'none 1' },
    attempts: 2,
    lines: ['value 1'],
    enqueued: [{ name: 'noop', payload: {} }],
  });
  expect(run.steps).toEqual(new Map([['once', 1]]));
});

const untilAborted: TaskHandler<typeof text> = async (_payload, { signal }) => {
  return { text: await delay(10_000, '', { signal }) };
};

test('the soft limit lets a handler return what it has, the hard limit does not', async () => {
  const partial = await runTask(
    text,
    {},
    {
      async handler(_payload, { signal }) {
        await delay(10_000, undefined, { signal }).catch(() => undefined);
        return { text: (signal.reason as TaskwireError).code };
      },
    },
  );
  expect(partial.result.text).toBe('SOFT_TIME_LIMIT');
  await expect(runTask(text, {}, { handler: () => new Promise(() => undefined) })).rejects.toThrow(
    HardTimeLimitExceeded,
  );
  await expect(runTask(text, {}, { handler: untilAborted })).rejects.toMatchObject({ code: 'SOFT_TIME_LIMIT' });
});

test('a resource that the test did not give is named', async () => {
  const run = runTask(
    text,
    {},
    {
      handler: async (_payload, { resources }) => ({ text: (await resources.files.read('x')).read() as string }),
    },
  );

  await expect(run).rejects.toThrow('the handler uses resources.files: give it to runTask as resources: { files }');
});

test('a database task runs inside the transaction of the test, which can be rolled back', async ({ world }) => {
  const rename = defineDatabaseTask({
    name: 'rename',
    description: 'For these tests.',
    input: z.object({ name: z.string() }),
    output: z.object({ users: z.int() }),
  });
  const orm = await openOrm({ ...world, applicationName: 'test', logger: openLogger({ level: 'silent' }) });
  const em = orm.em.fork();
  await em.begin();

  const { result } = await runTaskWithDb(
    em,
    rename,
    { name: 'Ada' },
    {
      async handler(inner, { name }) {
        inner.create(User, { email: 'ada@example.com', name, loginCount: 0, createdAt: new Date() });
        await inner.flush();
        return { users: await inner.count(User) };
      },
    },
  );
  await em.rollback();

  expect(result).toEqual({ users: 1 });
  expect(await orm.em.fork().count(User)).toBe(0);
  await expect(runTaskWithDb(orm.em.fork(), rename, { name: '' })).rejects.toThrow('inside a transaction');
  // @ts-expect-error a database task needs an EntityManager
  await expect(runTask(rename, { name: 'Ada' })).rejects.toThrow('expected it to be run with runTaskWithDb');
  await closeOrm(orm);
});
