import { pino } from 'pino';
import { newId } from '../../../src/core/ids.ts';
import { Order, type OrderRow } from '../../../src/db/entities/order.ts';
import { User } from '../../../src/db/entities/user.ts';
import { closeOrm, openOrm, type Orm } from '../../../src/db/orm.ts';
import { poolSql } from '../../../src/db/sql.ts';
import { claimTasks } from '../../../src/db/statements/claim-tasks.ts';
import { insertTasks } from '../../../src/db/statements/insert-tasks.ts';
import { type SandboxServer, startSandboxServer } from '../../../src/dev/sandbox-server.ts';
import type { Gateways } from '../../../worker/task-handler.ts';
import { doStep } from '../../../worker/task-steps.ts';
import { newTask } from '../../db/database.ts';
import { test as base } from '../../support/world.ts';
import { type ContextWishes, openContext, type RecordingContext } from './task-context.ts';

/** How long a gateway may take where a test lets it hang, in milliseconds. */
const TIMEOUT_MS = 300;

/** A database with orders, and the gateways that their tasks call. */
export interface Shop {
  orm: Orm;
  sandbox: SandboxServer;
  createUser(): Promise<number>;
  createOrder(given?: Partial<OrderRow>): Promise<OrderRow>;
  order(id: number): Promise<OrderRow>;
  /** The context of the first attempt of a task that a worker has just claimed; its steps are recorded. */
  openAttempt(
    wishes?: Pick<ContextWishes, 'signal' | 'logger'> & { gateways?: Partial<Gateways> },
  ): Promise<RecordingContext>;
}

/** The tests' `test` with a shop of the test's own. */
export const test = base.extend('shop', async ({ world }, { onCleanup }): Promise<Shop> => {
  const logger = pino({ level: 'silent' });
  const orm = await openOrm({ databaseUrl: world.databaseUrl, applicationName: 'test', logger });
  const sandbox = await startSandboxServer();
  onCleanup(async () => {
    await sandbox.stop();
    await closeOrm(orm);
  });
  return openShop(orm, sandbox);
});

function openShop(orm: Orm, sandbox: SandboxServer): Shop {
  const createUser = async () => {
    const em = orm.em.fork();
    const user = em.create(User, { email: `${newId()}@x.io`, name: 'Ada', loginCount: 0, createdAt: new Date() });
    await em.flush();
    return user.id;
  };
  return {
    orm,
    sandbox,
    createUser,
    async createOrder(given = {}) {
      const em = orm.em.fork();
      const userId = await createUser();
      const now = new Date();
      const order = em.create(Order, {
        ...{ userId, amountCents: 1999, currency: 'EUR', state: 'PENDING', createdAt: now, updatedAt: now },
        ...given,
      });
      await em.flush();
      return order;
    },
    order: (id) => orm.em.fork().findOneOrFail(Order, { id }),
    async openAttempt({ gateways, ...wishes } = {}) {
      const taskId = await startTask(orm);
      return openContext({
        ...wishes,
        taskId,
        step: (key, run) => doStep({ orm, taskId, attempt: 1 }, key, run),
        resources: {
          orm,
          gateways: {
            paymentUrl: sandbox.paymentUrl,
            exchangeRatesUrl: sandbox.exchangeRatesUrl,
            timeoutMs: TIMEOUT_MS,
            ...gateways,
          },
        },
      });
    },
  };
}

async function startTask(orm: Orm): Promise<string> {
  const sql = poolSql(orm);
  const task = newTask({ name: 'shop-task', queue: 'default', maxAttempts: 1 });
  await insertTasks(sql, [task]);
  await claimTasks(sql, [task.id], 'worker-1', [task.name]);
  return task.id;
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => Promise.reject(new Error(`expected a rejection, got: ${JSON.stringify(value)}`)),
    (error: unknown) => error,
  );
}
