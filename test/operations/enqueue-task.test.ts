import { describe, expect } from 'vitest';
import { UserInputError } from '../../src/core/errors.ts';
import { newId } from '../../src/core/ids.ts';
import { enqueueTask, type EnqueueInput, type EnqueueOptions } from '../../src/operations/enqueue-task.ts';
import { getTask, rowOfNewTask } from '../../src/operations/get-task.ts';
import { upTo } from '../db/database.ts';
import { test, type TestService } from './service.ts';

const YEAR_SECONDS = 366 * 24 * 3600;

/** What is wrong with an input; fails the test when nothing is, or when anything was stored. */
async function problemsOf({ resources, database, jobIds }: TestService, input: EnqueueInput) {
  const error: unknown = await enqueueTask(resources, input).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserInputError);
  expect(await database.run('select id from task')).toEqual([]);
  expect(await database.run('select task_id from open_task')).toEqual([]);
  expect(await jobIds()).toEqual([]);
  return (error as UserInputError).problems;
}

test('a task is stored as its contract says and handed to BullMQ with its id and nothing else', async ({ service }) => {
  const input = { name: 'countdown', payload: { steps: 2, stepMs: 0 } };

  const { id, duplicate } = await enqueueTask(service.resources, input);

  const [job] = await service.jobs();
  expect(duplicate).toBe(false);
  expect(await service.database.row(id)).toMatchObject({
    name: 'countdown',
    queue: 'diagnostics',
    state: 'PENDING',
    priority: 5,
    max_attempts: 3,
    input: input.payload,
    tags: [],
    owner: '',
    idempotency_key: null,
    run_at: null,
  });
  expect(job).toMatchObject({ id, data: {}, priority: 5, delay: 0 });
});

test('what is answered is what was stored', async ({ service }) => {
  const { resources } = service;

  const { id, created } = await enqueueTask(resources, {
    name: 'noop',
    payload: {},
    owner: 'ada',
    options: { idempotencyKey: 'k', tags: ['a', 'b'], delaySeconds: 0.5, priority: 0, maxAttempts: 100, queue: 'slow' },
  });

  expect(created && rowOfNewTask(created)).toEqual({ ...(await getTask(resources, id)) });
});

test('a payload that is left out is an empty one', async ({ service }) => {
  const { id } = await enqueueTask(service.resources, { name: 'noop', payload: undefined });

  expect(await service.database.row(id)).toMatchObject({ input: {} });
});

describe('options', () => {
  test('say how the task is run', async ({ service }) => {
    const { id } = await enqueueTask(service.resources, {
      name: 'noop',
      payload: {},
      options: { queue: 'slow', priority: 0, tags: ['a'], maxAttempts: 9, idempotencyKey: 'x'.repeat(200) },
    });

    expect(await service.database.row(id)).toMatchObject({ queue: 'slow', priority: 0, tags: ['a'], max_attempts: 9 });
    expect(await service.jobs('slow')).toMatchObject([{ id, priority: 0 }]);
    expect(await service.jobIds()).toEqual([]);
  });

  test('of null are as those that are left out', async ({ service }) => {
    const { id } = await enqueueTask(service.resources, {
      name: 'noop',
      payload: {},
      options: {
        queue: null,
        priority: null,
        tags: null,
        maxAttempts: null,
        idempotencyKey: null,
        delaySeconds: null,
        runAt: null,
      },
    });

    expect(await service.database.row(id)).toMatchObject({ queue: 'diagnostics', priority: 5, tags: [], run_at: null });
  });

  test('a delay counts from the creation of the task', async ({ service }) => {
    const { id } = await enqueueTask(service.resources, { name: 'noop', payload: {}, options: { delaySeconds: 90.5 } });

    const { created_at: createdAt, run_at: runAt } = await service.database.row(id);
    const [job] = await service.jobs();
    expect((runAt as Date).getTime() - (createdAt as Date).getTime()).toBe(90_500);
    expect(job?.delay).toBeGreaterThan(85_000);
    expect(job?.delay).toBeLessThanOrEqual(90_500);
  });

  test('a time that has passed is now', async ({ service }) => {
    const runAt = new Date('2020-01-01');

    const { id } = await enqueueTask(service.resources, { name: 'noop', payload: {}, options: { runAt } });

    expect(await service.database.row(id)).toMatchObject({ run_at: runAt });
    expect(await service.jobs()).toMatchObject([{ id, delay: 0 }]);
  });

  const REFUSED: { option: keyof EnqueueOptions; value: unknown; expected: string; got?: string }[] = [
    { option: 'queue', value: 'Not Kebab', expected: 'a name in kebab-case' },
    { option: 'queue', value: '', expected: 'a name in kebab-case' },
    { option: 'priority', value: -1, expected: 'an integer from 0 to 9' },
    { option: 'priority', value: 10, expected: 'an integer from 0 to 9' },
    { option: 'priority', value: 0.5, expected: 'an integer from 0 to 9' },
    { option: 'maxAttempts', value: 0, expected: 'an integer from 1 to 100' },
    { option: 'maxAttempts', value: 101, expected: 'an integer from 1 to 100' },
    { option: 'delaySeconds', value: -0.1, expected: `from 0 to ${YEAR_SECONDS}` },
    { option: 'delaySeconds', value: YEAR_SECONDS + 1, expected: `from 0 to ${YEAR_SECONDS}` },
    { option: 'delaySeconds', value: Number.NaN, expected: `from 0 to ${YEAR_SECONDS}`, got: 'null' },
    { option: 'runAt', value: new Date('9999-12-31'), expected: 'a time between 1970 and a year from now' },
    { option: 'runAt', value: new Date('0000-01-01'), expected: 'a time between 1970 and a year from now' },
    { option: 'runAt', value: new Date(Number.NaN), expected: 'a time between 1970 and a year from now' },
    { option: 'idempotencyKey', value: '', expected: '1 to 200 characters' },
    { option: 'idempotencyKey', value: 'x'.repeat(201), expected: '1 to 200 characters' },
    { option: 'idempotencyKey', value: 'a\u0000', expected: '1 to 200 characters' },
    { option: 'tags', value: upTo(21).map(String), expected: 'at most 20 texts of 1 to 100 characters' },
    { option: 'tags', value: [''], expected: 'at most 20 texts of 1 to 100 characters' },
    { option: 'tags', value: ['x'.repeat(101)], expected: 'at most 20 texts of 1 to 100 characters' },
    {
      option: 'tags',
      value: ['a', 'schedule:nightly'],
      expected: 'other than schedule:…, which the runs of schedules have',
    },
    { option: 'tags', value: ['\ud800'], expected: 'at most 20 texts of 1 to 100 characters' },
  ];

  test('that cannot be are refused, each with what was expected and what was got', async ({ service }) => {
    for (const { option, value, expected, got = JSON.stringify(value) } of REFUSED) {
      const problems = await problemsOf(service, { name: 'noop', payload: {}, options: { [option]: value } });

      const message = `expected ${option} to be ${expected}, got: ${got}`;
      expect(problems).toEqual([{ code: 'OPTIONS_INVALID', message, path: ['options', option] }]);
    }
  });

  test('that exclude each other are refused', async ({ service }) => {
    const options = { delaySeconds: 1, runAt: new Date() };

    expect(await problemsOf(service, { name: 'noop', payload: {}, options })).toMatchObject([
      { code: 'OPTIONS_INVALID', path: ['options', 'runAt'] },
    ]);
  });
});

describe('a payload that does not fit the contract is refused, and nothing is stored', () => {
  test('with the place of every fault, and those of the options with them', async ({ service }) => {
    const problems = await problemsOf(service, {
      name: 'countdown',
      payload: { steps: 0, stepMs: 'x' },
      options: { priority: 99 },
    });

    expect(problems.map(({ code, path }) => `${code} ${path.join('.')}`)).toEqual([
      'PAYLOAD_INVALID steps',
      'PAYLOAD_INVALID stepMs',
      'OPTIONS_INVALID options.priority',
    ]);
  });

  test('when it is no object', async ({ service }) => {
    for (const payload of [[], 'text', 1, true]) {
      expect(await problemsOf(service, { name: 'noop', payload })).toMatchObject([
        { code: 'PAYLOAD_INVALID', path: [] },
      ]);
    }
  });

  test('when Postgres could not store it', async ({ service }) => {
    const payload = { extra: ['fine', 'a\u0000b'] };

    expect(await problemsOf(service, { name: 'noop', payload })).toEqual([
      { code: 'PAYLOAD_INVALID', message: 'expected text without NUL characters', path: ['extra', '1'] },
    ]);
  });

  test('when it is too large', async ({ service }) => {
    const payload = { text: 'x'.repeat(300_000) };

    expect(await problemsOf(service, { name: 'noop', payload })).toMatchObject([
      { code: 'PAYLOAD_INVALID', message: expect.stringContaining('upload a file instead') as string, path: [] },
    ]);
  });
});

test('a name that no task has is refused with those that there are', async ({ service }) => {
  const [problem] = await problemsOf(service, { name: 'no"op', payload: {} });

  expect(problem).toMatchObject({ code: 'UNKNOWN_TASK', path: ['name'] });
  expect(problem?.message).toMatch(/^expected the name of a task \(.*noop.*\), got: "no\\"op"$/);
});

describe('an idempotency key', () => {
  const KEY: EnqueueInput = { name: 'noop', payload: { a: 1 }, options: { idempotencyKey: 'order-1' } };

  test('gives the task that has it, also when that has ended', async ({ service }) => {
    const first = await enqueueTask(service.resources, KEY);
    const second = await enqueueTask(service.resources, { ...KEY, options: { ...KEY.options, priority: 0 } });
    await service.database.start(first.id);
    await service.database.settle({ taskId: first.id, attempt: 1, state: 'SUCCESS' });
    const third = await enqueueTask(service.resources, KEY);

    for (const again of [second, third]) expect(again).toEqual({ id: first.id, created: undefined, duplicate: true });
    expect(await service.jobIds()).toEqual([first.id]);
  });

  test('used with another input is an error that names the task which has it', async ({ service }) => {
    const { id } = await enqueueTask(service.resources, KEY);

    const again = enqueueTask(service.resources, { ...KEY, payload: { a: 2 } });

    await expect(again).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      message: `the idempotency key "order-1" belongs to task ${id}, which has another name or input`,
      problems: [{ path: ['options', 'idempotencyKey'] }],
    });
    expect(await service.jobIds()).toEqual([id]);
  });

  test('is its owner’s', async ({ service }) => {
    const first = await enqueueTask(service.resources, { ...KEY, owner: 'ada' });
    const second = await enqueueTask(service.resources, { ...KEY, owner: 'bob' });

    expect(second).toMatchObject({ duplicate: false });
    expect(second.id).not.toBe(first.id);
  });

  test('that many use at the same time makes one task and one job', async ({ service }) => {
    const answers = await Promise.all(upTo(50).map(() => enqueueTask(service.resources, KEY)));

    const ids = new Set(answers.map(({ id }) => id));
    expect(ids.size).toBe(1);
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await service.jobIds()).toEqual([...ids]);
  });

  test('gives the task that the same transaction has just made', async ({ service }) => {
    const [first, second] = await service.resources.orm.em
      .fork()
      .transactional(async (em) => [
        await enqueueTask(service.resources, { ...KEY, em }),
        await enqueueTask(service.resources, { ...KEY, em }),
      ]);

    expect(first).toMatchObject({ duplicate: false });
    expect(second).toMatchObject({ id: first?.id, duplicate: true });
  });
});

describe('an idempotency key that an open transaction has taken', () => {
  const withKey = (idempotencyKey: string): EnqueueInput => ({
    name: 'noop',
    payload: {},
    options: { idempotencyKey },
  });

  test('holds up those who bring it until the commit, and nobody else', async ({ service }) => {
    const { resources } = service;
    await using holder = await begin(resources);
    const held = await enqueueTask(resources, { ...withKey('held'), em: holder.em });

    const blocked = upTo(5).map(() => enqueueTask(resources, withKey('held')));
    const others = await Promise.all(
      upTo(20).flatMap((n) => [
        enqueueTask(resources, { name: 'noop', payload: {} }),
        enqueueTask(resources, withKey(`free-${n}`)),
      ]),
    );
    await expect.poll(() => waitingFor(service)).toEqual(['patiently']);
    await holder.em.commit();

    expect(others.filter(({ duplicate }) => duplicate)).toEqual([]);
    expect(await Promise.all(blocked)).toEqual(
      blocked.map(() => ({ id: held.id, created: undefined, duplicate: true })),
    );
  });

  test('is given to one of those who bring it when that is rolled back', async ({ service }) => {
    const { resources } = service;
    await using holder = await begin(resources);
    const { id: undone } = await enqueueTask(resources, { ...withKey('held'), em: holder.em });

    const blocked = upTo(3).map(() => enqueueTask(resources, withKey('held')));
    await expect.poll(() => waitingFor(service)).toEqual(['patiently']);
    await holder.em.rollback();
    const answers = await Promise.all(blocked);

    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(answers.map(({ id }) => id)).not.toContain(undone);
  });

  /** A transaction that is over at the end of the test, whatever its end. */
  async function begin({ orm }: TestService['resources']) {
    const em = orm.em.fork();
    await em.begin();
    return { em, [Symbol.asyncDispose]: async () => void (em.isInTransaction() && (await em.rollback())) };
  }

  /** How each session waits that waits for another one. */
  async function waitingFor({ database }: TestService): Promise<string[]> {
    const rows = await database.run<{ how: string }>(`
      select case when query_start < now() - interval '300 ms' then 'patiently' else 'yet' end as how
      from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    return rows.map(({ how }) => how);
  }
});

test('an EntityManager without a transaction is as none', async ({ service }) => {
  const { id } = await enqueueTask(service.resources, {
    name: 'noop',
    payload: {},
    em: service.resources.orm.em.fork(),
  });

  expect(await service.jobIds()).toEqual([id]);
});

test('tasks that are enqueued together share statements, and each gets its own answer', async ({ service }) => {
  const { resources } = service;
  const statements: string[] = [];
  const query = resources.sql.query.bind(resources.sql);
  resources.sql.query = (statement, values) => {
    statements.push(statement.text);
    return query(statement, values);
  };

  const answers = await Promise.all(upTo(150).map((n) => enqueueTask(resources, { name: 'noop', payload: { n } })));

  expect(statements.length).toBeLessThanOrEqual(3);
  const rows = await service.database.run<{ id: string; n: number }>(`select id, (input ->> 'n')::int as n from task`);
  const byId = new Map(rows.map(({ id, n }) => [id, n]));
  expect(answers.map(({ id }) => byId.get(id))).toEqual(upTo(150));
  expect(await service.jobIds()).toEqual(answers.map(({ id }) => id).toSorted());
});

test('an unknown task is nobody’s', async ({ service }) => {
  expect(await getTask(service.resources, newId())).toBeNull();
  expect(await getTask(service.resources, 'no id')).toBeNull();
});

test('whether the caller said how many attempts there may be is kept with the task', async ({ service }) => {
  const { resources, database } = service;

  const asked = await enqueueTask(resources, { name: 'noop', payload: {}, options: { maxAttempts: 3 } });
  const unasked = await enqueueTask(resources, { name: 'noop', payload: {} });

  expect(await database.row(asked.id)).toMatchObject({ max_attempts: 3, attempts_asked: true });
  expect(await database.row(unasked.id)).toMatchObject({ max_attempts: 3, attempts_asked: false });
});
