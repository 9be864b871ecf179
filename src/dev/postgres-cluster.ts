import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PostgresBinaries, findPostgresBinaries } from './postgres-binaries.ts';
import { type RunToolOptions, type SystemUser, runTool } from './run-tool.ts';

/** A *cluster* is Postgres's word for a data folder and all the databases in it. */
export interface PostgresCluster {
  folder: string;
  binaries: PostgresBinaries;
  /** Whom Postgres runs as when we are root, which it refuses to run as; else undefined. */
  user: SystemUser | undefined;
}

/** The user that clients log in as. */
export const SUPERUSER = 'postgres';

/** The environment of all Postgres programs: their messages are English whatever the machine speaks. */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
}

/** Whom root hands Postgres to: the user of the system's own Postgres, or the one that owns nothing. None is created. */
const USERS_FOR_ROOT = ['postgres', 'nobody'];

/**
 * The only way in is with the password. «trust» would make everyone on this machine superuser of the database, and so,
 * by way of `COPY … FROM PROGRAM`, let them run commands as whoever started it.
 */
const CLIENT_AUTHENTICATION = 'host all all 127.0.0.1/32 scram-sha-256\n';

/**
 * Answers the cluster in `folder`, made first if there is none: initialised beside it and renamed when complete, so that
 * a first start which was killed midway leaves none by halves.
 *
 * @param password of {@link SUPERUSER} in a new cluster.
 * @param database the database to make in a new cluster.
 * @throws Error with the output of the program that failed.
 */
export async function openCluster(
  folder: string,
  options: { password: string; database: string; durable: boolean; log(line: string): void },
): Promise<PostgresCluster> {
  const user = await chooseUser(folder);
  const binaries = await findPostgresBinaries(user);
  if (!(await exists(folder))) {
    options.log(`making a PostgreSQL cluster in ${folder}`);
    await createCluster({ folder: `${folder}-unfinished`, binaries, user }, options);
    await rename(`${folder}-unfinished`, folder);
  }
  return { folder, binaries, user };
}

/**
 * The name of the cluster's folder for the programs that start in it. A user to whom root has handed Postgres often
 * can't enter a folder above it, such as a home folder; Linux's link to the working folder needs no way through them.
 */
export function folderForPrograms({ folder, user }: PostgresCluster): string {
  return user !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : folder;
}

async function createCluster(
  cluster: PostgresCluster,
  { password, database, durable }: { password: string; database: string; durable: boolean },
): Promise<void> {
  const { folder, binaries, user } = cluster;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const run: RunToolOptions = { cwd: folder, env: postgresEnvironment(), user };
  await runTool(binaries.initdb, initdbArguments(cluster, durable), run);
  const statements = `ALTER ROLE ${SUPERUSER} PASSWORD '${password}'\nCREATE DATABASE ${database}\n`;
  const singleUser = ['--single', '-D', folderForPrograms(cluster), 'postgres'];
  await runTool(binaries.postgres, singleUser, { ...run, input: statements });
  await writeFile(join(folder, 'pg_hba.conf'), CLIENT_AUTHENTICATION);
}

/** The locale is Postgres's own and not the machine's: the order of texts is the same everywhere, for ever. */
function initdbArguments(cluster: PostgresCluster, durable: boolean): string[] {
  return [
    ...['-D', folderForPrograms(cluster), `--username=${SUPERUSER}`],
    ...['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    ...['--auth=trust', '--no-instructions'], // nobody can connect before pg_hba.conf is replaced
    ...(durable ? [] : ['--no-sync']),
  ];
}

async function chooseUser(folder: string): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  if (await exists(folder)) {
    const { uid, gid } = await stat(folder);
    if (uid !== 0) return { uid, gid };
  }
  for (const name of USERS_FOR_ROOT) {
    const user = await findUser(name);
    if (user !== undefined) return user;
  }
  throw new Error(
    `PostgreSQL does not run as root: expected a user ${USERS_FOR_ROOT.join(' or ')} to run it as, got neither. ` +
      'Run as an ordinary user, or set DATABASE_URL to a PostgreSQL server of your own.',
  );
}

async function findUser(name: string): Promise<SystemUser | undefined> {
  try {
    return { uid: Number(await runTool('id', ['-u', name])), gid: Number(await runTool('id', ['-g', name])) };
  } catch {
    return undefined;
  }
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}

/**
 * Whether the server says in its `postmaster.pid` that it takes connections; what `pg_ctl --wait` looks at too.
 *
 * @param pid of the server: the file may still be that of a run before.
 */
export async function isReady(folder: string, pid: number): Promise<boolean> {
  const lines = (await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const statusLine = 7;
  return Number(lines[0]) === pid && lines[statusLine]?.trim() === 'ready';
}
