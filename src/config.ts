import { resolve } from 'node:path';
import { z } from 'zod';
import { KEBAB_CASE } from './core/define-task.ts';
import { ConfigurationError } from './core/errors.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const MAX_UPLOAD_BYTES_LIMIT = 2 ** 31 - 1; // what a GraphQL Int can count
const CONCURRENCY_MAX = 1000;
const SIGNING_SECRET_MIN = 32;

/** Every variable, in the order of README's table: the one description of the configuration. */
const variables = z.object({
  DATABASE_URL: url(['postgres:', 'postgresql:'])
    .optional()
    .describe('PostgreSQL, 14 or newer. Without it `npm start` starts one of its own.'),
  REDIS_URL: url(['redis:', 'rediss:'])
    .optional()
    .describe(
      'Redis 6.2 or newer or Valkey, with `maxmemory-policy noeviction`. Without it `npm start` starts one of its own.',
    ),
  PORT: integer(0, 65_535).default(4000).describe('Port of the API; 0 takes a free one.'),
  HOST: z.string().min(1).default('127.0.0.1').describe('Address that the API listens on.'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('.data')
    .describe('Folder of the embedded services, of uploaded files and of the outbox.'),
  CONCURRENCY: integer(1, CONCURRENCY_MAX)
    .default(10)
    .describe('Tasks that a worker runs at once, of each of its queues.'),
  QUEUES: queueList()
    .optional()
    .describe(
      'Queues that a worker takes tasks from, separated by commas, e.g. `email,file=2`: of `file` two tasks at once. All when left out.',
    ),
  LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .describe(`One of ${LOG_LEVELS.join(', ')}.`),
  KEY_PREFIX: z
    .string()
    .regex(/^[\w{}-]+$/, 'expected letters, digits, _, - and {} only')
    .default('taskwire')
    .describe('Prefix of every key and channel in Redis. On a Redis cluster it needs braces: `{taskwire}`.'),
  SMTP_URL: url(['smtp:', 'smtps:'])
    .optional()
    .describe('Mail server. Without it mails are written to `outbox` in DATA_DIR.'),
  MAIL_FROM: z.string().min(3).default('Taskwire <taskwire@localhost>').describe('Sender of the mails.'),
  PAYMENT_GATEWAY_URL: url(['http:', 'https:'])
    .optional()
    .describe('Where payments are POSTed. Without it `npm start` starts a sandbox; elsewhere payments fail.'),
  EXCHANGE_RATES_URL: url(['http:', 'https:'])
    .optional()
    .describe(
      'Where exchange rates are read, with `?base=EUR`. Without it `npm start` starts a sandbox; elsewhere reading fails.',
    ),
  MAX_UPLOAD_BYTES: integer(1, MAX_UPLOAD_BYTES_LIMIT)
    .default(1024 ** 3)
    .describe('Largest file that uploadFile takes, in bytes; at most 2147483647.'),
  SIGNING_SECRET: z
    .string()
    .min(SIGNING_SECRET_MIN, `expected at least ${SIGNING_SECRET_MIN} characters`)
    .optional()
    .describe(
      'Signs download links, the same in every API. Without it a random one is kept in DATA_DIR; in production there are no links then.',
    ),
  WORKER_LOST_AFTER_SECONDS: number(1, 3600)
    .default(30)
    .describe('A worker that has not been heard of for so long is lost, and its tasks run elsewhere.'),
  SHUTDOWN_GRACE_SECONDS: number(0, 3600)
    .default(30)
    .describe('How long a stopping worker lets its tasks finish before it aborts them.'),
  DIAGNOSTIC_TASKS: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'Whether `noop`, `countdown`, `fail-times` and `block` are offered; true except when NODE_ENV is production.',
    ),
  NODE_ENV: z
    .enum(['development', 'production', 'test'])
    .default('development')
    .describe('`production` turns GraphiQL and the diagnostic tasks off.'),
});

function url(protocols: string[]) {
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    error: `expected a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  });
}

function integer(min: number, max: number) {
  return numeric(
    (value) => Number.isInteger(value) && value >= min && value <= max,
    `an integer from ${min} to ${max}`,
  );
}

function number(min: number, max: number) {
  return numeric((value) => value >= min && value <= max, `a number from ${min} to ${max}`);
}

function numeric(fits: (value: number) => boolean, expected: string) {
  return z
    .string()
    .transform((text) => (text.trim() === '' ? Number.NaN : Number(text)))
    .refine(fits, `expected ${expected}`);
}

/** A queue that a worker takes tasks from. */
export interface QueueChoice {
  name: string;
  /** Tasks at once; undefined: as many as of every other queue. */
  concurrency: number | undefined;
}

function queueList() {
  return z
    .string()
    .transform((text) => text.split(',').map(toQueueChoice))
    .refine(
      (choices) => choices.every(isQueueChoice) && new Set(choices.map(({ name }) => name)).size === choices.length,
      `expected different kebab-case names separated by commas, each alone or as name=tasks with 1 to ${CONCURRENCY_MAX} tasks`,
    );
}

function toQueueChoice(text: string): QueueChoice {
  const [name = '', concurrency] = text.trim().split('=');
  return { name, concurrency: concurrency === undefined ? undefined : Number(concurrency || Number.NaN) };
}

function isQueueChoice({ name, concurrency = 1 }: QueueChoice): boolean {
  return KEBAB_CASE.test(name) && Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= CONCURRENCY_MAX;
}

/** The configuration of a process. */
export interface Config {
  databaseUrl: string | undefined;
  redisUrl: string | undefined;
  port: number;
  host: string;
  /** Absolute. */
  dataDir: string;
  concurrency: number;
  /** Undefined means all queues of the catalogue. */
  queues: QueueChoice[] | undefined;
  logLevel: (typeof LOG_LEVELS)[number];
  keyPrefix: string;
  smtpUrl: string | undefined;
  mailFrom: string;
  paymentGatewayUrl: string | undefined;
  exchangeRatesUrl: string | undefined;
  maxUploadBytes: number;
  signingSecret: string | undefined;
  workerLostAfterMs: number;
  shutdownGraceMs: number;
  diagnosticTasks: boolean;
  production: boolean;
}

/**
 * Reads the configuration from the environment; an empty variable counts as not set.
 *
 * Throws a {@link ConfigurationError} which lists every wrong variable with what was expected and what was got.
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = variables.safeParse(given);
  if (!parsed.success) throw new ConfigurationError(parsed.error.issues.map((issue) => describeIssue(issue, given)));
  const values = parsed.data;
  const production = values.NODE_ENV === 'production';
  return {
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    port: values.PORT,
    host: values.HOST,
    dataDir: resolve(values.DATA_DIR),
    concurrency: values.CONCURRENCY,
    queues: values.QUEUES,
    logLevel: values.LOG_LEVEL,
    keyPrefix: values.KEY_PREFIX,
    smtpUrl: values.SMTP_URL,
    mailFrom: values.MAIL_FROM,
    paymentGatewayUrl: values.PAYMENT_GATEWAY_URL,
    exchangeRatesUrl: values.EXCHANGE_RATES_URL,
    maxUploadBytes: values.MAX_UPLOAD_BYTES,
    signingSecret: values.SIGNING_SECRET,
    workerLostAfterMs: values.WORKER_LOST_AFTER_SECONDS * 1000,
    shutdownGraceMs: values.SHUTDOWN_GRACE_SECONDS * 1000,
    diagnosticTasks: values.DIAGNOSTIC_TASKS === undefined ? !production : values.DIAGNOSTIC_TASKS === 'true',
    production,
  };
}

/** A configuration whose services are known. */
export type ServiceConfig = Config & { databaseUrl: string; redisUrl: string };

/**
 * As {@link readConfig}, for a process that starts nothing itself: DATABASE_URL and REDIS_URL must be set. What the command
 * line says overrides the environment.
 */
export function readServiceConfig(
  environment: NodeJS.ProcessEnv = process.env,
  overrides: NodeJS.ProcessEnv = {},
): ServiceConfig {
  const values = { ...environment, ...overrides };
  const missing = (['DATABASE_URL', 'REDIS_URL'] as const).filter((name) => !values[name]);
  const problems = missing.map((name) => `${name}: expected a URL of a running service, got: nothing`);
  try {
    const config = readConfig(values);
    const { databaseUrl, redisUrl } = config;
    if (databaseUrl && redisUrl) return { ...config, databaseUrl, redisUrl };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    problems.push(...error.problems);
  }
  throw new ConfigurationError(problems);
}

/** A row of README's configuration table. */
export interface ConfigVariable {
  name: string;
  /** As text; undefined when there is none. */
  default: string | undefined;
  description: string;
}

/** What can be configured, for the table in README and for the test that holds them together. */
export function configVariables(): ConfigVariable[] {
  return Object.entries(variables.shape).map(([name, schema]) => ({
    name,
    default: schema instanceof z.ZodDefault ? String(schema.def.defaultValue) : undefined,
    description: schema.description ?? '',
  }));
}

function describeIssue(issue: z.core.$ZodIssue, given: Record<string, string | undefined>): string {
  const name = String(issue.path[0]);
  const value = given[name] ?? '';
  const secret = name.endsWith('_URL') || name.endsWith('_SECRET');
  const got = secret ? 'something else (not shown: it may hold a password)' : JSON.stringify(value);
  return `${name}: ${issue.message}, got: ${got}`;
}
