import type { Socket } from 'node:net';
import { pino } from 'pino';
import { describe, expect } from 'vitest';
import { closeOrm, openOrm, type Orm, type OrmOptions } from '../../src/db/orm.ts';
import { poolSql, statement } from '../../src/db/sql.ts';
import { isPostgresUnavailable } from '../../src/db/unavailable.ts';
import { test as base } from '../support/world.ts';

const SELECT_ONE = statement('select 1 as one');
const END_SESSION = statement('select pg_terminate_backend($1, 5000)');

/** Opens what the test needs; it is closed when the test ends. */
const test = base.extend('open', async ({ world }, { onCleanup }) => {
  const opened: Orm[] = [];
  onCleanup(async () => {
    for (const orm of opened) await closeOrm(orm);
  });
  return async (given: Partial<OrmOptions>) => {
    const logger = pino({ level: 'silent' });
    const orm = await openOrm({ databaseUrl: world.databaseUrl, applicationName: 'test', logger, ...given });
    opened.push(orm);
    return orm;
  };
});

describe('a transaction whose session Postgres has ended', () => {
  test('fails as unavailable and gives its connection back, however often', async ({ open }) => {
    const orm = await open({ poolSize: 1 });
    const other = poolSql(await open({}));

    for (let time = 1; time <= 3; time += 1) {
      const failed = orm.em.fork().transactional(async (em) => {
        const [session] = await em.execute<[{ pid: number }]>('select pg_backend_pid() as pid');
        await other.query(END_SESSION, [session.pid]);
        await em.execute('select 1');
      });

      await expect(failed).rejects.toSatisfy(isPostgresUnavailable);
    }

    expect(await poolSql(orm).query(SELECT_ONE, [])).toEqual([{ one: 1 }]);
  });

  test('before it began gives its connection back too', async ({ open }) => {
    const orm = await open({ poolSize: 1 });
    const other = poolSql(await open({}));
    const session = await onlySession(orm);

    resumeWhenWritten(session.connection.stream); // the end of the session is not noticed before something is sent
    await other.query(END_SESSION, [session.processID]);
    const failed = orm.em.fork().transactional((em) => em.execute('select 1'));

    await expect(failed).rejects.toSatisfy(isPostgresUnavailable);
    expect(await poolSql(orm).query(SELECT_ONE, [])).toEqual([{ one: 1 }]);
  });
});

test('a transaction that takes longer than a statement may gives its connection back', async ({ open }) => {
  const orm = await open({ poolSize: 1, queryTimeoutMs: 100 });

  for (let time = 1; time <= 2; time += 1) {
    const failed = orm.em.fork().transactional((em) => em.execute('select pg_sleep(10)'));

    await expect(failed).rejects.toSatisfy(isPostgresUnavailable);
  }

  await expect.poll(() => poolSql(orm).query(SELECT_ONE, []), { timeout: 5000 }).toEqual([{ one: 1 }]);
});

test('a transaction that fails for another reason goes back as it was', async ({ open }) => {
  const orm = await open({ poolSize: 1 });
  const pidOf = async () => poolSql(orm).query(statement('select pg_backend_pid() as pid'), []);
  const before = await pidOf();

  await expect(orm.em.fork().transactional((em) => em.execute('select 1 / 0'))).rejects.toThrow('division by zero');

  expect(await pidOf()).toEqual(before);
});

test('closing ends connections that were only used beside the ORM', async ({ open }) => {
  const orm = await open({ applicationName: 'beside' });
  const other = await open({});
  await poolSql(orm).query(SELECT_ONE, []);
  const sessions = () =>
    poolSql(other).query({ text: `select 1 as one from pg_stat_activity where application_name = 'beside'` }, []);
  const before = await sessions();

  await closeOrm(orm);

  expect(before).toHaveLength(1);
  await expect.poll(sessions).toEqual([]);
});

test('a database that is not there is noticed when it is needed, not when it is opened', async ({ open }) => {
  const orm = await open({ databaseUrl: 'postgres://nobody@127.0.0.1:1/none' });

  await expect(poolSql(orm).query(SELECT_ONE, [])).rejects.toSatisfy(isPostgresUnavailable);
});

/** What is of interest of the inside of a connection of `pg`. */
interface OpenSession {
  processID: number;
  connection: { stream: Socket };
}

/** The connection of a pool that has place for one. */
async function onlySession(orm: Orm): Promise<OpenSession> {
  const pool = await orm.em.getConnection().getNativeClient();
  const session = await pool.connect();
  session.release();
  return session;
}

/** Reads nothing until something is written. */
function resumeWhenWritten(stream: Socket): void {
  const { write } = stream;
  stream.pause();
  stream.write = (...args: any[]) => {
    stream.resume();
    return Reflect.apply(write, stream, args) as boolean;
  };
}
