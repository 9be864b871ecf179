import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configVariables, readConfig, readServiceConfig } from '../src/config.ts';
import { ConfigurationError } from '../src/core/errors.ts';

const DATABASE_URL = 'postgres://app:geheim@db.example.com/taskwire';
const REDIS_URL = 'rediss://:geheim@redis.example.com:6380';

/** The problems that the reading of an environment throws. */
function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

test('without any variable there are the defaults', () => {
  expect(readConfig({})).toEqual({
    databaseUrl: undefined,
    redisUrl: undefined,
    port: 4000,
    host: '127.0.0.1',
    dataDir: resolve('.data'),
    concurrency: 10,
    queues: undefined,
    logLevel: 'info',
    keyPrefix: 'taskwire',
    smtpUrl: undefined,
    mailFrom: 'Taskwire <taskwire@localhost>',
    paymentGatewayUrl: undefined,
    exchangeRatesUrl: undefined,
    maxUploadBytes: 1024 ** 3,
    signingSecret: undefined,
    workerLostAfterMs: 30_000,
    shutdownGraceMs: 30_000,
    diagnosticTasks: true,
    production: false,
  });
});

test('every variable is read', () => {
  const config = readConfig({
    DATABASE_URL,
    REDIS_URL,
    PORT: '0',
    HOST: '::',
    DATA_DIR: '/var/lib/taskwire',
    CONCURRENCY: '1000',
    QUEUES: ' email, file=2 ',
    LOG_LEVEL: 'silent',
    KEY_PREFIX: '{tw}-1_x',
    SMTP_URL: 'smtps://mail.example.com',
    MAIL_FROM: 'ops@example.com',
    PAYMENT_GATEWAY_URL: 'https://pay.example.com/payments',
    EXCHANGE_RATES_URL: 'http://rates.example.com',
    MAX_UPLOAD_BYTES: '1',
    SIGNING_SECRET: 'geheim-0123456789-0123456789-0123',
    WORKER_LOST_AFTER_SECONDS: '1.5',
    SHUTDOWN_GRACE_SECONDS: '0',
    DIAGNOSTIC_TASKS: 'false',
    NODE_ENV: 'test',
  });

  expect(config).toEqual({
    databaseUrl: DATABASE_URL,
    redisUrl: REDIS_URL,
    port: 0,
    host: '::',
    dataDir: '/var/lib/taskwire',
    concurrency: 1000,
    queues: [
      { name: 'email', concurrency: undefined },
      { name: 'file', concurrency: 2 },
    ],
    logLevel: 'silent',
    keyPrefix: '{tw}-1_x',
    smtpUrl: 'smtps://mail.example.com',
    mailFrom: 'ops@example.com',
    paymentGatewayUrl: 'https://pay.example.com/payments',
    exchangeRatesUrl: 'http://rates.example.com',
    maxUploadBytes: 1,
    signingSecret: 'geheim-0123456789-0123456789-0123',
    workerLostAfterMs: 1500,
    shutdownGraceMs: 0,
    diagnosticTasks: false,
    production: false,
  });
});

test('an empty variable is one that is not set', () => {
  const empty = Object.fromEntries(configVariables().map(({ name }) => [name, '']));

  expect(readConfig(empty)).toEqual(readConfig({}));
});

test('variables of others are left alone', () => {
  expect(readConfig({ PATH: '/bin', TASKWIRE: 'x' })).toEqual(readConfig({}));
});

describe('production', () => {
  test('has no diagnostic tasks', () => {
    expect(readConfig({ NODE_ENV: 'production' })).toMatchObject({ production: true, diagnosticTasks: false });
  });

  test('has them when that is said', () => {
    expect(readConfig({ NODE_ENV: 'production', DIAGNOSTIC_TASKS: 'true' }).diagnosticTasks).toBe(true);
  });
});

test('all that is wrong is said at once, each with its variable, what was expected and what was got', () => {
  const wrong = {
    DATABASE_URL: 'mysql://app:geheim@db.example.com',
    REDIS_URL: 'geheim',
    PORT: '65536',
    CONCURRENCY: '2.5',
    QUEUES: 'email,,Files',
    LOG_LEVEL: 'loud',
    KEY_PREFIX: 'a:b',
    SMTP_URL: 'http://user:geheim@mail.example.com',
    PAYMENT_GATEWAY_URL: 'ftp://geheim@pay.example.com',
    MAX_UPLOAD_BYTES: '2147483648',
    WORKER_LOST_AFTER_SECONDS: '0.5',
    SHUTDOWN_GRACE_SECONDS: ' ',
    DIAGNOSTIC_TASKS: 'yes',
    NODE_ENV: 'staging',
  };

  const problems = problemsOf(() => readConfig(wrong));

  const hidden = 'got: something else (not shown: it may hold a password)';
  expect(problems).toEqual([
    `DATABASE_URL: expected a URL that starts with postgres:// or postgresql://, ${hidden}`,
    `REDIS_URL: expected a URL that starts with redis:// or rediss://, ${hidden}`,
    'PORT: expected an integer from 0 to 65535, got: "65536"',
    'CONCURRENCY: expected an integer from 1 to 1000, got: "2.5"',
    'QUEUES: expected different kebab-case names separated by commas, each alone or as name=tasks with 1 to 1000 tasks, got: "email,,Files"',
    'LOG_LEVEL: Invalid option: expected one of "fatal"|"error"|"warn"|"info"|"debug"|"trace"|"silent", got: "loud"',
    'KEY_PREFIX: expected letters, digits, _, - and {} only, got: "a:b"',
    `SMTP_URL: expected a URL that starts with smtp:// or smtps://, ${hidden}`,
    `PAYMENT_GATEWAY_URL: expected a URL that starts with http:// or https://, ${hidden}`,
    'MAX_UPLOAD_BYTES: expected an integer from 1 to 2147483647, got: "2147483648"',
    'WORKER_LOST_AFTER_SECONDS: expected a number from 1 to 3600, got: "0.5"',
    'SHUTDOWN_GRACE_SECONDS: expected a number from 0 to 3600, got: " "',
    'DIAGNOSTIC_TASKS: Invalid option: expected one of "true"|"false", got: "yes"',
    'NODE_ENV: Invalid option: expected one of "development"|"production"|"test", got: "staging"',
  ]);
  expect(problems.join()).not.toContain('geheim');
});

test.for(['-1', '1e9', 'NaN', '4000x', '0x'])('%j is no port', (PORT) => {
  expect(problemsOf(() => readConfig({ PORT }))).toEqual([
    `PORT: expected an integer from 0 to 65535, got: ${JSON.stringify(PORT)}`,
  ]);
});

describe('a process that starts no service itself', () => {
  test('is told both URLs', () => {
    expect(readServiceConfig({ DATABASE_URL, REDIS_URL })).toMatchObject({
      databaseUrl: DATABASE_URL,
      redisUrl: REDIS_URL,
    });
  });

  test('says which are missing, together with all that is wrong', () => {
    expect(problemsOf(() => readServiceConfig({ REDIS_URL: '', PORT: 'x' }))).toEqual([
      'DATABASE_URL: expected a URL of a running service, got: nothing',
      'REDIS_URL: expected a URL of a running service, got: nothing',
      'PORT: expected an integer from 0 to 65535, got: "x"',
    ]);
  });

  test('says so once when a URL is wrong', () => {
    expect(problemsOf(() => readServiceConfig({ DATABASE_URL, REDIS_URL: 'geheim' }))).toEqual([
      'REDIS_URL: expected a URL that starts with redis:// or rediss://, got: something else (not shown: it may hold a password)',
    ]);
  });
});

test('every variable has a description, and says the default that it has', () => {
  const variables = configVariables();

  const said = Object.fromEntries(variables.map((variable) => [variable.name, variable.default ?? '']));
  expect(readConfig(said)).toEqual(readConfig({}));
  expect(variables.filter(({ description }) => description.length < 10)).toEqual([]);
});
