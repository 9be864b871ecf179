import { DriverException } from '@mikro-orm/core';
import { describe, expect, test } from 'vitest';
import { isDataError, isPostgresTimeout, isPostgresUnavailable } from '../../src/db/unavailable.ts';

const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('Postgres is away', () => {
  const AWAY: { what: string; error: Error }[] = [
    { what: 'a refused connection', error: withCode('ECONNREFUSED') },
    { what: 'a broken connection', error: withCode('ECONNRESET') },
    { what: 'a name without an address', error: withCode('ENOTFOUND') },
    { what: 'refused on each of several addresses', error: new AggregateError([withCode('ECONNREFUSED')]) },
    { what: 'a connection that ended', error: new Error('Connection terminated unexpectedly') },
    { what: 'a pool that got none in time', error: new Error('timeout exceeded when trying to connect') },
    { what: 'a shutdown', error: withCode('57P01', 'terminating connection due to administrator command') },
    { what: 'a start', error: withCode('57P03', 'the database system is starting up') },
    { what: 'too many connections', error: withCode('53300') },
    { what: 'a Postgres that only reads', error: withCode('25006') },
    { what: 'a statement that took too long', error: withCode('57014') },
    { what: 'any of them, wrapped by the ORM', error: new DriverException(withCode('ECONNREFUSED')) },
  ];

  test.for(AWAY)('$what', ({ error }) => {
    expect(isPostgresUnavailable(error)).toBe(true);
  });
});

describe('Postgres is there', () => {
  test.for([
    { what: 'a duplicate key', error: withCode('23505') },
    { what: 'a wrong statement', error: withCode('42601') },
    { what: 'a division by zero', error: withCode('22012') },
    { what: 'an error of a handler', error: new Error('the printer is on fire') },
    { what: 'no error at all', error: 'ECONNREFUSED' },
  ])('$what', ({ error }) => {
    expect(isPostgresUnavailable(error)).toBe(false);
  });
});

test('a statement or a transaction that took too long is told from a Postgres that is away', () => {
  const timeouts = ['57014', '55P03', '25P03', '25P04'].map((code) => withCode(code));
  const away = ['57P01', '08006', '53300', '25006', 'ECONNRESET'].map((code) => withCode(code));

  expect(timeouts.filter(isPostgresTimeout)).toEqual(timeouts);
  expect(timeouts.filter(isPostgresUnavailable)).toEqual(timeouts);
  expect(away.filter(isPostgresTimeout)).toEqual([]);
  expect(isPostgresTimeout(new DriverException(withCode('57014')))).toBe(true);
});

test('a batch is tried again one by one when the fault can lie in one of its rows, or in the order of its locks', () => {
  const alone = ['22P05', '22003', '23505', '54000', '40P01'].map((code) => isDataError(withCode(code)));
  const together = ['42601', '57014', '53300', 'ECONNREFUSED'].map((code) => isDataError(withCode(code)));

  expect(alone).toEqual([true, true, true, true, true]);
  expect(together).toEqual([false, false, false, false]);
});
