import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TaskwireError } from '../core/errors.ts';

/**
 * One process at a time may use a data folder.
 *
 * The lock is the write lock of a small SQLite file in the folder, held by a transaction that stays open. The operating
 * system drops it when the process ends, however it ends, so it can't be stale; taking it is atomic; and while it is
 * held others can still read who holds it: the pid is in the file's `user_version`, a number that SQLite leaves to us.
 */
const LOCK_FILE = 'taskwire.lock';

/** How long a refused process waits to read the holder's pid, in milliseconds: the holder may be writing it just now. */
const READ_PID_TIMEOUT_MS = 1000;

/** Keeps the open files reachable: a lock that nobody refers to must not be garbage-collected, and so let go. */
const heldLocks = new Set<DatabaseSync>();

export interface DataFolderLock {
  /** Lets another process have the folder. Calling it twice does no harm. */
  release(): void;
}

/** Another live process uses the data folder. */
export class DataFolderInUseError extends TaskwireError {
  readonly folder: string;
  /** Of the process that holds the folder. */
  readonly pid: number;

  constructor(folder: string, pid: number) {
    super(
      'DATA_FOLDER_IN_USE',
      `The data folder ${folder} is in use by process ${pid}. ` +
        'Stop that process first, or set DATA_DIR to another folder to run a second one beside it.',
    );
    this.folder = folder;
    this.pid = pid;
  }
}

/**
 * Takes the folder for this process, creating it if it is missing, until `release()` or the end of the process.
 *
 * @throws DataFolderInUseError while a process (another one, or this one by an earlier call) holds the folder.
 * @throws Error when the lock file can't be written.
 */
export async function lockDataFolder(dataDir: string): Promise<DataFolderLock> {
  const folder = resolve(dataDir);
  await mkdir(folder, { recursive: true });
  const database = openLockFile(join(folder, LOCK_FILE));
  if (!takeWriteLock(database, folder)) {
    const pid = readHolder(database);
    database.close();
    throw new DataFolderInUseError(folder, pid);
  }
  heldLocks.add(database);
  return {
    release: () => {
      if (heldLocks.delete(database)) database.close();
    },
  };
}

function openLockFile(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file);
  } catch (cause) {
    const problem = `Expected to open the lock file ${file}, got: ${(cause as Error).message}`;
    throw new Error(`${problem}. Does the folder belong to another user?`, { cause });
  }
}

/** Between the two transactions a rival can come first; then the rival is the holder. */
function takeWriteLock(database: DatabaseSync, folder: string): boolean {
  try {
    database.exec('pragma synchronous = off');
    database.exec(`begin immediate; pragma user_version = ${process.pid}; commit; begin immediate`);
    return true;
  } catch (cause) {
    if (isBusy(cause)) return false;
    database.close();
    const problem = `Expected to lock the data folder ${folder}, got: ${(cause as Error).message}`;
    throw new Error(`${problem}. Does the folder belong to another user?`, { cause });
  }
}

function readHolder(database: DatabaseSync): number {
  database.exec(`pragma busy_timeout = ${READ_PID_TIMEOUT_MS}`);
  return Number(database.prepare('pragma user_version').get()?.['user_version']);
}

function isBusy(error: unknown): boolean {
  const sqliteBusy = 5;
  return (error as { errcode?: number }).errcode === sqliteBusy;
}
