import { describe, expect, test } from 'vitest';
import {
  codeOf,
  ConfigurationError,
  ConnectionError,
  FailPermanently,
  FencedError,
  FileNotFoundError,
  messageOf,
  RetryIn,
  ServiceUnavailableError,
  TaskCancelled,
  TaskwireError,
  TimeoutError,
  userError,
  UserInputError,
  WorkerStopping,
} from '../../src/core/errors.ts';
import { toFailure, toTaskError } from '../../src/core/failure.ts';

const cause = new Error('refused');
const id = '0193b3e2-aaaa-7000-8000-00000000000f';

const ERRORS: { error: TaskwireError; name: string; code: string; text: string }[] = [
  {
    error: new ServiceUnavailableError('PostgreSQL', cause),
    name: 'ServiceUnavailableError',
    code: 'SERVICE_UNAVAILABLE',
    text: 'PostgreSQL is not available right now; nothing was changed. Try again in a moment.',
  },
  {
    error: new ConfigurationError(['PORT: expected a number, got: "x"', 'HOST: expected a name, got: ""']),
    name: 'ConfigurationError',
    code: 'CONFIGURATION',
    text: 'The configuration has 2 problem(s):\n  PORT: expected a number, got: "x"\n  HOST: expected a name, got: ""',
  },
  {
    error: new FencedError(id, 3),
    name: 'FencedError',
    code: 'FENCED',
    text: `Attempt 3 of task ${id} is no longer its current attempt: its writes are dropped.`,
  },
  {
    error: new FileNotFoundError('a"b'),
    name: 'FileNotFoundError',
    code: 'FILE_NOT_FOUND',
    text: 'there is no file with the id "a\\"b"',
  },
  {
    error: new ConnectionError('the mail server', cause),
    name: 'ConnectionError',
    code: 'CONNECTION',
    text: 'could not reach the mail server: refused',
  },
  {
    error: new TimeoutError('the mail server', cause),
    name: 'TimeoutError',
    code: 'TIMEOUT',
    text: 'the mail server did not answer in time: refused',
  },
  {
    error: new RetryIn(1500),
    name: 'RetryIn',
    code: 'RETRY_IN',
    text: 'The handler asked to be run again in 1500 ms',
  },
  { error: new RetryIn(1, 'busy'), name: 'RetryIn', code: 'RETRY_IN', text: 'busy' },
  { error: new TaskCancelled(null), name: 'TaskCancelled', code: 'CANCELLED', text: 'The task was cancelled' },
  { error: new TaskCancelled('by hand'), name: 'TaskCancelled', code: 'CANCELLED', text: 'by hand' },
  {
    error: new WorkerStopping(),
    name: 'WorkerStopping',
    code: 'WORKER_STOPPING',
    text: 'The worker is stopping and its grace is over',
  },
  { error: new FailPermanently('NO_USER', 'gone'), name: 'FailPermanently', code: 'NO_USER', text: 'gone' },
];

test.for(ERRORS)('$name says: $text', ({ error, name, code, text }) => {
  expect(error).toBeInstanceOf(TaskwireError);
  expect({ name: error.name, code: error.code, text: error.message }).toEqual({ name, code, text });
});

test.for([new ServiceUnavailableError('x', cause), new ConnectionError('x', cause), new TimeoutError('x', cause)])(
  '$name keeps its cause',
  (error) => {
    expect(error.cause).toBe(cause);
  },
);

test('a file that is not there fails a task for good', () => {
  expect(new FileNotFoundError('x')).toBeInstanceOf(FailPermanently);
});

test.for([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e18])('a task cannot be asked for again in %d ms', (delayMs) => {
  expect(() => new RetryIn(delayMs)).toThrow(
    new RangeError(`expected the delay to be from 0 to 31622400000 ms, got: ${delayMs}`),
  );
});

describe('what a caller can mend', () => {
  test('has all problems, their texts together, and the code of the first', () => {
    const error = new UserInputError([
      { code: 'PAYLOAD_INVALID', message: 'expected a name', path: ['name'] },
      { code: 'OPTIONS_INVALID', message: 'expected a queue', path: ['options', 'queue'] },
    ]);

    expect(error.code).toBe('PAYLOAD_INVALID');
    expect(error.message).toBe('expected a name; expected a queue');
    expect(error.problems).toHaveLength(2);
  });

  test('does not quote a whole document', () => {
    const { problems, message } = userError('TASK_NOT_FOUND', `expected an id, got: ${'\u{1f600}'.repeat(100_000)}`, [
      'id',
    ]);

    expect(problems[0]?.message).toHaveLength(2000);
    expect(problems[0]?.message).toMatch(/^expected an id, got: .*…$/u);
    expect(problems[0]?.message.isWellFormed()).toBe(true);
    expect(message).toBe(problems[0]?.message);
  });

  test('is commonly one thing', () => {
    expect(userError('TASK_NOT_FOUND', 'there is none', ['id']).problems).toEqual([
      { code: 'TASK_NOT_FOUND', message: 'there is none', path: ['id'] },
    ]);
  });
});

describe('anything that is thrown has a text and a code', () => {
  const bare = Object.create(null) as object;
  const THROWN: { thrown: unknown; code: string; message: string }[] = [
    { thrown: new Error('plain'), code: 'UNKNOWN_ERROR', message: 'plain' },
    { thrown: Object.assign(new Error('over'), { code: 'QUOTA_EXCEEDED' }), code: 'QUOTA_EXCEEDED', message: 'over' },
    {
      thrown: Object.assign(new Error('of Postgres'), { code: '23505' }),
      code: 'UNKNOWN_ERROR',
      message: 'of Postgres',
    },
    { thrown: Object.assign(new Error('odd code'), { code: 7 }), code: 'UNKNOWN_ERROR', message: 'odd code' },
    { thrown: Object.assign(new Error('odd code'), { code: 'lower' }), code: 'UNKNOWN_ERROR', message: 'odd code' },
    { thrown: 'text', code: 'UNKNOWN_ERROR', message: 'text' },
    { thrown: undefined, code: 'UNKNOWN_ERROR', message: 'undefined' },
    { thrown: null, code: 'UNKNOWN_ERROR', message: 'null' },
    { thrown: Symbol('odd'), code: 'UNKNOWN_ERROR', message: 'Symbol(odd)' },
    { thrown: bare, code: 'UNKNOWN_ERROR', message: 'something that has no text was thrown' },
    { thrown: Object.assign(new Error('x'), { message: { a: 1 } }), code: 'UNKNOWN_ERROR', message: '[object Object]' },
    { thrown: Object.assign(new Error('x'), { message: undefined }), code: 'UNKNOWN_ERROR', message: 'undefined' },
    { thrown: { code: 'NOT_AN_ERROR' }, code: 'UNKNOWN_ERROR', message: '[object Object]' },
  ];

  test.for(THROWN)('$code: $message', ({ thrown, code, message }) => {
    expect(codeOf(thrown)).toBe(code);
    expect(messageOf(thrown)).toBe(message);
    expect(toTaskError(toFailure(thrown), true)).toMatchObject({ message, retryable: true });
  });

  test('the text that is stored has no character that Postgres refuses', () => {
    expect(toTaskError(toFailure(new Error('a\u0000b\ud800')), false)).toEqual({
      code: 'UNKNOWN_ERROR',
      message: 'a\ufffdb\ufffd',
      retryable: false,
    });
  });
});
