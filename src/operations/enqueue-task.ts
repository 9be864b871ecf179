import { ATTEMPTS_MAX, KEBAB_CASE, PRIORITY_MAX, PRIORITY_MIN, type TaskContract } from '../core/define-task.ts';
import { type InputProblem, UserInputError, userError } from '../core/errors.ts';
import { newId, timeOfId } from '../core/ids.ts';
import { findStorageProblem } from '../core/storable.ts';
import type { EntityManager } from '../db/orm.ts';
import { transactionSql } from '../db/sql.ts';
import type { DispatchableTask } from '../db/statements/find-undispatched.ts';
import { findKeyHolders, insertTasks, type NewTask } from '../db/statements/insert-tasks.ts';
import type { EnqueueResources } from './resources.ts';

/** How a task is to be run, where it differs from its contract. */
export interface EnqueueOptions {
  /** The same owner and key give the same task. At most 200 characters. */
  idempotencyKey?: string | null | undefined;
  queue?: string | null | undefined;
  /** 0 runs first, 9 last. */
  priority?: number | null | undefined;
  /** Not before so many seconds from now; up to a year. Not together with `runAt`. */
  delaySeconds?: number | null | undefined;
  /** Not before this time; up to a year from now. */
  runAt?: Date | null | undefined;
  /** A task that was not started by then is REVOKED with EXPIRED; in the future. */
  expiresAt?: Date | null | undefined;
  /** At most 20, of at most 100 characters each. Those that begin with {@link SCHEDULE_TAG_PREFIX} are the schedules'. */
  tags?: readonly string[] | null | undefined;
  /** 1–100. */
  maxAttempts?: number | null | undefined;
}

export interface EnqueueInput {
  name: string;
  payload: unknown;
  options?: EnqueueOptions | null | undefined;
  owner?: string;
  /**
   * The caller's unit of work: when it is in a transaction, the task exists if that commits and is dispatched after it.
   */
  em?: EntityManager | undefined;
}

/** The task that was enqueued, or the one that had the idempotency key already. */
export interface EnqueuedTask {
  id: string;
  /** What was inserted; undefined for a duplicate, which may have changed since. */
  created: NewTask | undefined;
  duplicate: boolean;
}

const DELAY_MAX_SECONDS = 366 * 24 * 3600;
const IDEMPOTENCY_KEY_MAX = 200;
const TAGS_MAX = 20;
const TAG_LENGTH_MAX = 100;
/** Such a tag says that a task is a run of a schedule. */
export const SCHEDULE_TAG_PREFIX = 'schedule:';

/**
 * Enqueues a task: writes it to Postgres and, once that is committed, hands it to BullMQ. It does not wait for Redis.
 *
 * Throws a `UserInputError` with UNKNOWN_TASK, PAYLOAD_INVALID, OPTIONS_INVALID or IDEMPOTENCY_KEY_REUSED; nothing is
 * stored then.
 */
export async function enqueueTask(resources: EnqueueResources, input: EnqueueInput): Promise<EnqueuedTask> {
  const task = prepareTask(resources, input);
  const inTransaction = input.em?.isInTransaction() ? input.em : undefined;
  const isNew = inTransaction
    ? (await insertTasks(transactionSql(inTransaction), [task])).has(task.id)
    : await resources.inserts.add(task);
  if (!isNew) return findDuplicate(resources, task, inTransaction);
  if (inTransaction) resources.dispatcher.noteUncommitted([task.id]);
  else dispatchNew(resources, [task]);
  return { id: task.id, created: task, duplicate: false };
}

/** Checks an input against its contract and makes the task of it. Throws as {@link enqueueTask} does. */
export function prepareTask(
  { catalog }: EnqueueResources,
  { name, payload, options, owner = '' }: EnqueueInput,
): NewTask {
  const contract = catalog.find(name);
  if (!contract) throw new UserInputError([unknownTask(name, catalog.contracts, ['name'])]);
  const [problem, ...more] = [...payloadProblems(contract, payload), ...optionProblems(options ?? {})];
  if (problem) throw new UserInputError([problem, ...more]);

  const id = newId();
  const createdAt = new Date(timeOfId(id));
  return {
    id,
    name,
    queue: options?.queue ?? contract.queue,
    priority: options?.priority ?? contract.priority,
    input: payload ?? {},
    maxAttempts: options?.maxAttempts ?? contract.attempts,
    attemptsAsked: options?.maxAttempts != null,
    tags: options?.tags ?? [],
    owner,
    idempotencyKey: options?.idempotencyKey ?? null,
    createdAt,
    runAt: runAtOf(options ?? {}, createdAt),
    expiresAt: options?.expiresAt ?? null,
    workflowId: null,
    workflowStep: null,
  };
}

/** There is no contract of that name. */
export function unknownTask(name: string, contracts: readonly TaskContract[], path: string[]): InputProblem {
  const known = contracts.map((contract) => contract.name).join(', ');
  const message = `expected the name of a task (${known}), got: ${JSON.stringify(name)}`;
  return { code: 'UNKNOWN_TASK', message, path };
}

/** What is wrong with a payload; nothing when it fits its contract and can be stored. */
export function payloadProblems({ input }: Pick<TaskContract, 'input'>, payload: unknown): InputProblem[] {
  const unstorable = findStorageProblem(payload);
  if (unstorable) return [{ code: 'PAYLOAD_INVALID', ...unstorable }];
  const parsed = input.safeParse(payload ?? {});
  return (parsed.error?.issues ?? []).map(({ message, path }) => ({
    code: 'PAYLOAD_INVALID',
    message,
    path: path.map(String),
  }));
}

/** What is wrong with options; nothing when a task can have them. */
export function optionProblems(options: EnqueueOptions): InputProblem[] {
  const { queue, priority, delaySeconds, runAt, expiresAt, tags, maxAttempts, idempotencyKey } = options;
  const problems: InputProblem[] = [];
  const expect = (field: keyof EnqueueOptions, fits: boolean, expected: string) => {
    if (fits) return;
    const message = `expected ${field} to be ${expected}, got: ${JSON.stringify(options[field])}`;
    problems.push({ code: 'OPTIONS_INVALID', message, path: ['options', field] });
  };
  expect('queue', queue == null || KEBAB_CASE.test(queue), 'a name in kebab-case');
  expect(
    'priority',
    isIntegerWithin(priority, PRIORITY_MIN, PRIORITY_MAX),
    `an integer from ${PRIORITY_MIN} to ${PRIORITY_MAX}`,
  );
  expect('maxAttempts', isIntegerWithin(maxAttempts, 1, ATTEMPTS_MAX), `an integer from 1 to ${ATTEMPTS_MAX}`);
  expect(
    'delaySeconds',
    delaySeconds == null || (delaySeconds >= 0 && delaySeconds <= DELAY_MAX_SECONDS),
    `from 0 to ${DELAY_MAX_SECONDS}`,
  );
  expect('expiresAt', expiresAt == null || expiresAt.getTime() > Date.now(), 'in the future');
  expect('runAt', runAt == null || delaySeconds == null, 'left out when delaySeconds is given');
  expect('runAt', runAt == null || isWithinYear(runAt), 'a time between 1970 and a year from now');
  expect(
    'idempotencyKey',
    idempotencyKey == null || isText(idempotencyKey, IDEMPOTENCY_KEY_MAX),
    `1 to ${IDEMPOTENCY_KEY_MAX} characters`,
  );
  expect(
    'tags',
    tags == null || (tags.length <= TAGS_MAX && tags.every((tag) => isText(tag, TAG_LENGTH_MAX))),
    `at most ${TAGS_MAX} texts of 1 to ${TAG_LENGTH_MAX} characters`,
  );
  expect(
    'tags',
    !tags?.some((tag) => tag.startsWith(SCHEDULE_TAG_PREFIX)),
    `other than ${SCHEDULE_TAG_PREFIX}…, which the runs of schedules have`,
  );
  return problems;
}

function isIntegerWithin(value: number | null | undefined, min: number, max: number): boolean {
  return value == null || (Number.isInteger(value) && value >= min && value <= max);
}

function isWithinYear(time: Date): boolean {
  return time.getTime() >= 0 && time.getTime() <= Date.now() + DELAY_MAX_SECONDS * 1000;
}

function isText(text: string, max: number): boolean {
  return text.length >= 1 && text.length <= max && findStorageProblem(text) === undefined;
}

function runAtOf({ runAt, delaySeconds }: EnqueueOptions, createdAt: Date): Date | null {
  if (delaySeconds) return new Date(createdAt.getTime() + delaySeconds * 1000);
  return runAt ?? null;
}

/** Hands tasks that have just been committed to BullMQ. */
export function dispatchNew({ dispatcher }: EnqueueResources, tasks: readonly NewTask[]): void {
  dispatcher.dispatch(dispatchable(tasks));
}

/** What BullMQ has to know of new tasks. */
export function dispatchable(tasks: readonly NewTask[]): DispatchableTask[] {
  const nowMs = Date.now();
  return tasks.map(({ id, name, queue, priority, runAt }) => {
    return { id, name, run: 1, queue, priority, delayMs: runAt === null ? 0 : Math.max(0, runAt.getTime() - nowMs) };
  });
}

/**
 * Finds the task that holds the idempotency key of one that was not inserted; `em` when it was to be in its transaction.
 * Throws a `UserInputError` with IDEMPOTENCY_KEY_REUSED when that has another name or input.
 */
export async function findDuplicate(
  { sql }: EnqueueResources,
  task: NewTask,
  em?: EntityManager,
): Promise<EnqueuedTask> {
  const [holder] = await findKeyHolders(em ? transactionSql(em) : sql, [task]);
  if (!holder) throw new Error(`expected a task with the idempotency key ${task.idempotencyKey}, got none`);
  if (holder.same) return { id: holder.id, created: undefined, duplicate: true };
  throw userError(
    'IDEMPOTENCY_KEY_REUSED',
    `the idempotency key ${JSON.stringify(task.idempotencyKey)} belongs to task ${holder.id}, which has another name or input`,
    ['options', 'idempotencyKey'],
  );
}
