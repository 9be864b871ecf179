import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { type ApiClient, upload } from '../support/api-client.ts';
import { test } from '../support/taskwire.ts';

const UNKNOWN_ID = '01a20332-0433-715a-93b3-499c07f727de';
const ENQUEUE = `mutation ($input: EnqueueTaskInput!) {
  enqueueTask(input: $input) { task { id } duplicate userErrors { code path message } }
}`;

test('a wrong payload names each field and stores nothing', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();

  const typed = await client.request(`mutation {
    enqueueSendWelcomeEmail(input: { email: "nobody", name: " " }) { task { id } duplicate userErrors { code path } }
  }`);
  const untyped = await client.request(ENQUEUE, { input: { name: 'countdown', payload: { steps: 0.5 } } });

  expect(typed.enqueueSendWelcomeEmail).toEqual({
    task: null,
    duplicate: false,
    userErrors: [
      { code: 'PAYLOAD_INVALID', path: ['email'] },
      { code: 'PAYLOAD_INVALID', path: ['name'] },
    ],
  });
  expect(untyped.enqueueTask.task).toBeNull();
  expect(untyped.enqueueTask.userErrors.map((error: any) => error.path)).toEqual([['steps'], ['stepMs']]);
  await expectNoTasks(client);
});

test('unknown tasks, wrong options and what Postgres cannot store are user errors', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const codeFor = async (input: Record<string, unknown>) => {
    const { enqueueTask } = await client.request(ENQUEUE, { input });
    expect(enqueueTask.task).toBeNull();
    return enqueueTask.userErrors.map(({ code, path }: any) => `${code} ${path.join('.')}`);
  };
  const welcome = (name: unknown) => ({ name: 'send-welcome-email', payload: { email: 'ada@example.com', name } });

  expect(await codeFor({ name: 'no-such-task', payload: {} })).toEqual(['UNKNOWN_TASK name']);
  expect(await codeFor({ name: 'noop', payload: {}, options: { priority: 10, maxAttempts: 0 } })).toEqual([
    'OPTIONS_INVALID options.priority',
    'OPTIONS_INVALID options.maxAttempts',
  ]);
  expect(await codeFor({ name: 'noop', payload: {}, options: { delaySeconds: -1, queue: 'a:b' } })).toEqual([
    'OPTIONS_INVALID options.queue',
    'OPTIONS_INVALID options.delaySeconds',
  ]);
  expect(await codeFor(welcome('A\u0000da'))).toEqual(['PAYLOAD_INVALID name']);
  expect(await codeFor(welcome('\ud800'))).toEqual(['PAYLOAD_INVALID name']);
  expect(await codeFor(welcome('x'.repeat(300_000)))).toEqual(['PAYLOAD_INVALID ']);
  expect(await codeFor({ name: 'noop', payload: [1, 2] })).toEqual(['PAYLOAD_INVALID ']);
  await expectNoTasks(client);
});

test('a list inside itself is refused over HTTP and over websockets', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const inner = 'steps { task { workflow { steps { key } } } }';
  const refusal = {
    message: expect.stringContaining('expected no list inside itself, got Workflow.steps again below Workflow.steps'),
    extensions: { code: 'BAD_USER_INPUT' },
  };

  const { errors } = await client.send(`{ workflows { nodes { ${inner} } } }`);
  const socket = client.openSocket();
  const query = `subscription { taskEvents(id: "${UNKNOWN_ID}") { task { workflow { ${inner} } } } }`;
  const refused = socket.iterate({ query }).next();

  expect(errors).toMatchObject([refusal]);
  await expect(refused).rejects.toMatchObject([refusal]);
  await socket.dispose();
});

test('an idempotency key gives the same task again, and is refused with another input', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const enqueue = async (payload: unknown) =>
    (await client.request(ENQUEUE, { input: { name: 'countdown', payload, options: { idempotencyKey: 'once' } } }))
      .enqueueTask;

  const first = await enqueue({ steps: 1, stepMs: 0 });
  const same = await enqueue({ stepMs: 0, steps: 1 });
  const other = await enqueue({ steps: 2, stepMs: 0 });

  expect(first).toMatchObject({ duplicate: false, userErrors: [] });
  expect(same).toEqual({ task: first.task, duplicate: true, userErrors: [] });
  expect(other.task).toBeNull();
  expect(other.userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED', path: ['options', 'idempotencyKey'] }]);
});

test('unknown ids are null or a user error', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();

  for (const id of [UNKNOWN_ID, 'nonsense', '']) {
    expect(await client.task(id)).toBeNull();
    for (const mutation of ['cancelTask', 'retryTask']) {
      const reply = await client.request(
        `mutation ($id: ID!) { ${mutation}(id: $id) { task { id } userErrors { code path } } }`,
        { id },
      );
      expect(reply[mutation]).toEqual({ task: null, userErrors: [{ code: 'TASK_NOT_FOUND', path: ['id'] }] });
    }
  }
  expect((await client.request('{ user(id: 2147483647) { id } }')).user).toBeNull();
});

test('broken requests are errors that say what is wrong, and the server stays up', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const post = async (body: string, type = 'application/json') => {
    const response = await fetch(client.url, { method: 'POST', headers: { 'content-type': type }, body });
    return { status: response.status, body: await response.json() };
  };

  const malformed = await post('{"query": "{ tasks');
  const empty = await post('');
  const notGraphql = await post(JSON.stringify({ query: '{ tasks(' }));
  const unknownField = await post(JSON.stringify({ query: '{ nonsense }' }));
  const wrongType = await post(
    JSON.stringify({ query: 'mutation { enqueueCountdown(input: { steps: "a" }) { task { id } } }' }),
  );
  const tooMany = await client.send('{ tasks(first: 101) { edges { cursor } } }');
  const badCursor = await client.send('{ tasks(first: 1, after: "x") { edges { cursor } } }');
  const shortSearch = await client.send('{ tasks(filter: { search: "ab" }) { edges { cursor } } }');

  expect([malformed.status, empty.status]).toEqual([400, 400]);
  for (const { body } of [malformed, empty, notGraphql]) expect(body.errors[0].message).not.toBe('');
  for (const { body } of [unknownField, wrongType]) expect(body.errors[0].extensions.code).toBe('BAD_USER_INPUT');
  expect(unknownField.body.errors[0].message).toContain('nonsense');
  for (const { errors } of [tooMany, badCursor, shortSearch])
    expect(errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT');
  await expectNoTasks(client);
});

test('files of every kind are counted as wc counts them', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const countsOf = async (content: string | Uint8Array<ArrayBuffer>) => {
    const { file } = (await upload(client.url, content)) ?? {};
    const { result } = await client.finished(await client.enqueue('process-large-file', { fileId: file.id }));
    return [result.lines, result.words, result.bytes, result.longestLine];
  };

  expect(await countsOf('')).toEqual([0, 0, 0, 0]);
  expect(await countsOf('one two\nthree\n')).toEqual([2, 3, 14, 7]);
  expect(await countsOf('no final newline')).toEqual([1, 3, 16, 16]);
  const binary = Uint8Array.from(randomBytes(70_000));
  expect((await countsOf(binary))[2]).toBe(70_000);
});

test('a file over the limit is refused, and a task with an unknown file fails', async ({ taskwire }) => {
  const { client } = await taskwire.startApi({ MAX_UPLOAD_BYTES: '1000' });
  await taskwire.startWorker();

  const tooLarge = await upload(client.url, 'x'.repeat(5_000_000));
  const fits = await upload(client.url, 'x'.repeat(1000), '../../etc/passwd');
  const lost = await client.finished(await client.enqueue('process-large-file', { fileId: UNKNOWN_ID }));

  expect(tooLarge).toMatchObject({ file: null, userErrors: [{ code: 'FILE_TOO_LARGE', path: ['file'] }] });
  expect(fits?.['file']).toMatchObject({ name: 'passwd', size: 1000 });
  expect(lost).toMatchObject({ state: 'FAILURE', attempt: 1, error: { code: 'FILE_NOT_FOUND', retryable: false } });
});

test('a database task for an unknown user fails for good with USER_NOT_FOUND', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();

  const end = await client.finished(await client.enqueue('update-user-stats', { userId: 4711 }));

  expect(end).toMatchObject({ state: 'FAILURE', attempt: 1, error: { code: 'USER_NOT_FOUND', retryable: false } });
});

test('users with a wrong or a taken address are user errors', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const create = async (email: string, name: string) =>
    (
      await client.request(
        'mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } userErrors { code path } } }',
        { input: { email, name } },
      )
    ).createUser;

  const created = await create('ada@example.com', 'Ada');

  expect(created.userErrors).toEqual([]);
  expect(await create('ada@example.com', 'Ada')).toEqual({
    user: null,
    userErrors: [{ code: 'EMAIL_TAKEN', path: ['email'] }],
  });
  expect((await create('ada', '')).userErrors).toEqual([
    { code: 'USER_INVALID', path: ['email'] },
    { code: 'USER_INVALID', path: ['name'] },
  ]);
});

async function expectNoTasks(client: ApiClient): Promise<void> {
  expect((await client.request('{ tasks(first: 1) { edges { node { id } } } }')).tasks.edges).toEqual([]);
}
