import { buildSchema, execute, GraphQLError, parse } from 'graphql';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { ServiceUnavailableError, TaskwireError, userError } from '../../src/core/errors.ts';
import { openErrorMapping, withUserErrors } from '../../src/graphql/errors.ts';

test('what a caller of a mutation can mend comes in userErrors', async () => {
  const payload = await withUserErrors({ task: null }, () =>
    Promise.reject(userError('EMAIL_TAKEN', 'taken', ['email'])),
  );

  expect(payload).toEqual({ task: null, userErrors: [{ code: 'EMAIL_TAKEN', message: 'taken', path: ['email'] }] });
});

test('other errors of a mutation are thrown on', async () => {
  const fault = new Error('boom');

  await expect(withUserErrors({}, () => Promise.reject(fault))).rejects.toBe(fault);
});

test('a user error of a query is BAD_USER_INPUT with its problems', async () => {
  const { errors } = await failing(userError('TOO_MANY_TASKS', 'expected fewer', ['inputs']));

  expect(errors).toEqual([
    {
      message: 'expected fewer',
      path: ['field'],
      locations: [{ line: 1, column: 3 }],
      extensions: {
        code: 'BAD_USER_INPUT',
        userErrors: [{ code: 'TOO_MANY_TASKS', message: 'expected fewer', path: ['inputs'] }],
      },
    },
  ]);
});

test('an error of ours keeps its code', async () => {
  const { errors, log } = await failing(new TaskwireError('TASK_NOT_FOUND', 'there is no such task'));

  expect(errors).toMatchObject([{ message: 'there is no such task', extensions: { code: 'TASK_NOT_FOUND' } }]);
  expect(log).toEqual([]);
});

test('Postgres that is away is SERVICE_UNAVAILABLE and says what to do', async () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
  const store = new ServiceUnavailableError('The file store', refused);

  const message = 'PostgreSQL is not available right now; nothing was changed. Try again in a moment.';
  expect((await failing(refused)).errors).toMatchObject([{ message, extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
  expect((await failing(store)).errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
});

test('a service that is away is logged once every five seconds', () => {
  const { toPublicError, log } = mapping();
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

  for (let times = 0; times < 10; times += 1) toPublicError(refused);

  expect(log).toHaveLength(1);
});

test('a fault is masked, and logged with its stack', async () => {
  const { errors, log } = await failing(new TypeError('the password is swordfish'));

  expect(errors).toMatchObject([
    {
      message: 'Something went wrong in the service; its log tells what.',
      extensions: { code: 'INTERNAL_SERVER_ERROR' },
    },
  ]);
  expect(JSON.stringify(errors)).not.toContain('swordfish');
  expect(log).toMatchObject([
    { err: { message: 'the password is swordfish', stack: expect.any(String) }, path: ['field'] },
  ]);
});

test('a value that does not fit its type is a fault', async () => {
  const { errors } = await run('{ number }', { number: () => 'seven' });

  expect(errors).toMatchObject([{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }]);
});

test('variables that do not fit are BAD_USER_INPUT and say which', async () => {
  const { errors } = await run('query ($first: Int!) { list(first: $first) }', {}, { first: 'x' });

  expect(errors).toMatchObject([
    {
      message: 'Variable "$first" got invalid value "x"; Int cannot represent non-integer value: "x"',
      extensions: { code: 'BAD_USER_INPUT' },
    },
  ]);
});

test('an argument that turns out to be missing is BAD_USER_INPUT', async () => {
  const { errors } = await run('query ($first: Int = 1) { list(first: $first) }', {}, { first: null });

  expect(errors).toMatchObject([{ path: ['list'], extensions: { code: 'BAD_USER_INPUT' } }]);
});

test('a document that is nested too deeply is BAD_USER_INPUT', () => {
  const { toPublicError } = mapping();
  let thrown: unknown;
  try {
    parse('{a'.repeat(50_000));
  } catch (error) {
    thrown = error;
  }

  expect(toPublicError(thrown).extensions).toEqual({ code: 'BAD_USER_INPUT' });
});

test('mapping an error twice changes nothing', () => {
  const { toPublicError } = mapping();
  const once = toPublicError(new GraphQLError('Syntax Error'));

  expect(toPublicError(once)).toBe(once);
});

/** What a client sees of an error that a resolver throws. */
function failing(error: Error) {
  return run('{ field }', {
    field: () => {
      throw error;
    },
  });
}

async function run(source: string, rootValue: object, variableValues: Record<string, unknown> = {}) {
  const schema = buildSchema('type Query { field: String number: Int list(first: Int!): Int }');
  const { toPublicError, log } = mapping();
  const { errors = [] } = await execute({ schema, document: parse(source), rootValue, variableValues });
  return { errors: errors.map((error) => toPublicError(error).toJSON()), log };
}

function mapping() {
  const log: unknown[] = [];
  const logger = pino({}, { write: (line) => log.push(JSON.parse(line)) });
  return { toPublicError: openErrorMapping(logger), log };
}
