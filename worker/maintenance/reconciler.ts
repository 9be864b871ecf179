import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Sql } from '../../src/db/sql.ts';
import {
  FIRST_OPEN_TASK,
  listOpenTasks,
  type OpenTaskCursor,
  readHorizon,
} from '../../src/db/statements/find-undispatched.ts';
import type { Logger } from '../../src/logger.ts';
import type { TaskQueues } from '../../src/queue/task-queues.ts';

const PAGE = 500;
/** How long one worker keeps the others from doing the same pass, unless it shows with every page that it goes on. */
const PASS_LEASE_MS = 5000;

/** Only if the mark is still the one that the pass began with. */
const ADVANCE_MARK = `
  if redis.call('hget', KEYS[1], 'nonce') == ARGV[1] then redis.call('hset', KEYS[1], 'xid', ARGV[2]) end`;

/** How far Redis has been checked: below the transaction `xid`. */
interface Mark {
  nonce: string;
  xid: string;
}

export interface ReconcilerOptions {
  /** In the role of a producer. */
  redis: Redis;
  queues: TaskQueues;
  sql: Sql;
  keyPrefix: string;
  /** Between two passes of any worker. */
  intervalMs: number;
  logger: Logger;
}

/**
 * Dispatches again what is open in Postgres and not in Redis.
 *
 * Redis itself remembers how far it has been checked, as a transaction number of Postgres: every task that was enqueued by
 * a transaction below it has been seen in Redis. A pass looks only at the tasks that are newer, so it does not scan the
 * backlog. Transaction numbers are compared rather than times or ids, because a transaction that commits late would fall
 * behind those. When Redis was emptied, the mark is gone with the jobs; when it was restarted it may have lost the last
 * moments, which its changed run id tells: then everything that is open is looked at once.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #markKey: string;
  readonly #leaseKey: string;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#markKey = `${options.keyPrefix}:reconciler`;
    this.#leaseKey = `${options.keyPrefix}:reconciler-lease`;
  }

  /** One pass, unless another worker has just done it or Redis is away. */
  async runOnce(): Promise<void> {
    const { redis, queues, intervalMs } = this.#options;
    if (!queues.available) return;
    if ((await redis.set(this.#leaseKey, '1', 'PX', PASS_LEASE_MS, 'NX')) !== 'OK') return;
    try {
      await this.#pass();
    } finally {
      await redis.pexpire(this.#leaseKey, Math.max(1, Math.floor(intervalMs * 0.8)));
    }
  }

  async #pass(): Promise<void> {
    const { redis, sql, logger } = this.#options;
    const mark = (await this.#readMark()) ?? (await this.#beginAnew());
    const { settled, next } = await readHorizon(sql);
    // A number that is not given out yet comes from another database: this one was restored.
    const xid = BigInt(mark.xid) <= BigInt(next) ? mark.xid : FIRST_OPEN_TASK.xid;
    const missing = await this.#dispatchFrom({ ...FIRST_OPEN_TASK, xid });
    if (missing > 0) logger.info({ tasks: missing }, 'Tasks that were not in Redis are dispatched');
    await redis.eval(ADVANCE_MARK, 1, this.#markKey, mark.nonce, settled);
  }

  /** Undefined when there is none of this run of Redis. */
  async #readMark(): Promise<Mark | undefined> {
    const [{ runId, nonce, xid }, currentRunId] = await Promise.all([
      this.#options.redis.hgetall(this.#markKey),
      readRunId(this.#options.redis),
    ]);
    return nonce !== undefined && xid !== undefined && runId === currentRunId ? { nonce, xid } : undefined;
  }

  /** Written before the jobs are looked at: if Redis is emptied meanwhile, this mark is gone too. */
  async #beginAnew(): Promise<Mark> {
    const { redis, logger } = this.#options;
    const mark = { nonce: randomUUID(), xid: FIRST_OPEN_TASK.xid };
    await redis.hset(this.#markKey, { ...mark, runId: await readRunId(redis) });
    logger.debug('Redis is new to this database: every open task is looked at');
    return mark;
  }

  async #dispatchFrom(from: OpenTaskCursor): Promise<number> {
    let missing = 0;
    for (let cursor: OpenTaskCursor | undefined = from; cursor;) {
      const tasks = await listOpenTasks(this.#options.sql, cursor, PAGE);
      missing += await this.#options.queues.addMissing(tasks);
      await this.#options.redis.pexpire(this.#leaseKey, PASS_LEASE_MS);
      const last = tasks.at(-1);
      cursor = tasks.length === PAGE && last ? { xid: last.xid, taskId: last.id } : undefined;
    }
    return missing;
  }
}

async function readRunId(redis: Redis): Promise<string> {
  const info = await redis.info('server');
  return /^run_id:(\w+)/m.exec(info)?.[1] ?? '';
}
