import { MikroORM } from '@mikro-orm/postgresql';

/**
 * Runs one statement on a connection of its own and answers the rows; for what is done to whole databases.
 *
 * @throws Error of the database, with the connection closed.
 */
export async function runStatement(databaseUrl: string, statement: string, parameters: unknown[] = []): Promise<Row[]> {
  const orm = await MikroORM.init({
    clientUrl: databaseUrl,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    pool: { min: 0, max: 1 },
  });
  try {
    return await orm.em.getConnection().execute<Row[]>(statement, parameters);
  } finally {
    await orm.close(true);
  }
}

export type Row = Record<string, unknown>;

/** The same server, another database. */
export function withDatabase(databaseUrl: string, database: string): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${database}`;
  return url.href;
}
