import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { closeOrm, openOrm, type Orm } from '../../src/db/orm.ts';
import { openFileStore } from '../../src/files/drive-file-store.ts';
import type { FileStore } from '../../src/files/file-store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { test as base } from '../support/world.ts';

/** What uploading and reading files takes. */
export interface StoredFiles {
  orm: Orm;
  files: FileStore;
  /** 1 MB. */
  maxUploadBytes: number;
  /** The paths of all files that the store has, whole or not. */
  list(): Promise<string[]>;
}

/** vitest's `test` with a file store and a database of the test's own. */
export const test = base.extend('stored', async ({ world }, { onCleanup }): Promise<StoredFiles> => {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await temporaryFolder());
  const logger = pino({ level: 'silent' });
  const orm = await openOrm({ databaseUrl: world.databaseUrl, applicationName: 'test', logger });
  opening.defer(() => closeOrm(orm));
  const location = join(folder.path, 'files');
  const opened = opening.move();
  onCleanup(() => opened.disposeAsync());
  return { orm, files: openFileStore({ location }), maxUploadBytes: 1_000_000, list: () => listFiles(location) };
});

/** All files below a folder, which need not be there. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
