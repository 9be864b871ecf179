/** What is needed of the pool of `pg`. */
interface SessionPool {
  on(event: 'connect', listener: (session: Session) => void): unknown;
}

/** What is needed of a connection of that pool. */
interface Session {
  on(event: 'error', listener: (error: Error) => void): unknown;
  query(...args: unknown[]): Promise<unknown>;
  release(error: unknown): void;
  end(): Promise<void>;
}

const NO_ROWS = { command: 'ROLLBACK', rowCount: null, rows: [] };

/**
 * Gives connections back whose session in Postgres is gone. Kysely does so only after a BEGIN and a ROLLBACK that worked:
 * without this each transaction that Postgres's end interrupts would keep its place in the pool for ever, and after as many
 * of them as the pool has places nothing would run any more.
 *
 * A session that ended between two statements of a transaction fails the next one with why it ended: `pg` itself says only
 * that nothing can be sent.
 */
export function releaseDeadSessions(pool: SessionPool): void {
  pool.on('connect', (session) => {
    const send = session.query.bind(session);
    let endedBy: Error | undefined;
    session.on('error', (error) => (endedBy ??= error));
    const query = (...args: unknown[]) =>
      send(...args).catch((error: unknown) => {
        throw endedBy ?? error;
      });
    session.query = (...args) => {
      const [text] = args;
      if (typeof text !== 'string') return send(...args); // the pool's own statements and cursors, which answer no promise
      if (text === 'rollback') return query(...args).catch(() => closeInstead(session));
      if (!startsTransaction(text)) return query(...args);
      return query(...args).catch((error: unknown) => {
        session.release(error);
        throw error;
      });
    };
  });
}

function startsTransaction(text: unknown): boolean {
  return typeof text === 'string' && /^(begin|start transaction)\b/.test(text);
}

/** What a session has not committed is rolled back when it ends; the pool drops a connection that is being closed. */
function closeInstead(session: Session): typeof NO_ROWS {
  session.end().catch(() => undefined);
  return NO_ROWS;
}
